// What a request to a page in a cluster has to show before anybody is asked about it. Pure.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/http_server.h"

namespace parallelrun::web {

// Fields of requests that are looked at besides the usual ones (HttpServer::Options::other_fields).
inline constexpr const char* kOrigin = "Origin";
inline constexpr const char* kFetchSite = "Sec-Fetch-Site";
inline constexpr const char* kNamespaceField = "ParallelRun-Namespace";

struct ViewerRules {
  std::set<std::string> hosts;  // names that browsers reach the page by; this machine's are good in any case
  // Whose jobs are shown where a request names no others; none: of all.
  std::vector<std::string> name_spaces;
};

inline constexpr std::size_t kMostNamespacesOfViewer = 16;

// Who asks, and for the jobs of which namespaces (none: all), each once and in their order.
struct Claim {
  std::string token;
  std::vector<std::string> name_spaces;
};

// "Bearer TOKEN": the token, as RFC 6750 writes it. Empty: there is none, or one that is none.
std::string bearer_token(std::string_view authorization);

// What a request is refused for whoever has sent it: another page than ours, by another name, or nothing that
// could be a token. `data`: it asks for more than the page's own files.
std::optional<HttpServer::Reply> refusal_of(const ViewerRules& rules, const HttpServer::Header& header,
                                            bool data);

// Why these cannot be whose jobs are shown; empty: they can.
std::string fault_of_namespaces(const std::vector<std::string>& names);

// Of a request for data that is not refused.
Claim claim_of(const ViewerRules& rules, const HttpServer::Header& header);

// 401, which the page answers with its form.
HttpServer::Reply sign_in_refusal(const std::string& message);

}  // namespace parallelrun::web
