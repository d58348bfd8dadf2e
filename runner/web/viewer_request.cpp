#include "runner/web/viewer_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/text/presentable.h"
#include "runner/web/replies.h"

namespace parallelrun::web {
namespace {

constexpr std::size_t kLongestToken = std::size_t{24} << 10U;
constexpr std::size_t kLongestName = 63;
constexpr std::size_t kMostShown = 100;

bool letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool namespace_name(std::string_view text) {
  const auto good = [](char c) { return letter_or_digit(c) && !(c >= 'A' && c <= 'Z'); };
  return !text.empty() && text.size() <= kLongestName && good(text.front()) && good(text.back()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return good(c) || c == '-'; });
}

// Without the port.
std::string_view name_of(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, std::min(host.find(']') + 1, host.size()));
  return host.substr(0, host.find(':'));
}

// The other end of `kubectl port-forward`.
bool this_machine(std::string_view name) {
  return name == "localhost" || name == "127.0.0.1" || name == "[::1]";
}

std::string field(const HttpServer::Header& header, const char* name) {
  const auto found = header.others.find(name);
  return found == header.others.end() ? "" : found->second;
}

// "a, b"
std::vector<std::string> names_in(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    std::string_view name = text.substr(0, end);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    names.emplace_back(name);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return names;
}

std::string shown(const std::string& text) { return presentable(text.substr(0, kMostShown)); }

std::optional<HttpServer::Reply> other_page(const HttpServer::Header& header) {
  const std::string site = field(header, kFetchSite);
  if (!site.empty() && site != "same-origin" && site != "none")
    return refusal(403, "NoRights", "another web page has sent this request; open the page itself");
  const std::string origin = field(header, kOrigin);
  if (!origin.empty() && origin != "https://" + header.host && origin != "http://" + header.host)
    return refusal(
        403, "NoRights",
        fmt::format("the Origin of this request is '{}', but its Host is '{}': another web page has "
                    "sent it, or a proxy has changed the Host, which it must leave as it is",
                    shown(origin), shown(header.host)));
  return std::nullopt;
}

}  // namespace

std::string bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
  if (authorization.size() <= kScheme.size() ||
      !std::equal(kScheme.begin(), kScheme.end(), authorization.begin(),
                  [&](char b, char a) { return same(a, b); }))
    return "";
  const std::string_view token = authorization.substr(kScheme.size());
  const std::size_t padding = std::min(token.find('='), token.size());
  const auto good = [](char c) {
    return letter_or_digit(c) || c == '-' || c == '.' || c == '_' || c == '~' || c == '+' || c == '/';
  };
  if (token.size() > kLongestToken || padding == 0 ||
      !std::all_of(token.begin(), token.begin() + static_cast<std::ptrdiff_t>(padding), good) ||
      token.find_first_not_of('=', padding) != std::string_view::npos)
    return "";
  return std::string(token);
}

std::optional<HttpServer::Reply> refusal_of(const ViewerRules& rules, const HttpServer::Header& header,
                                            bool data) {
  const std::string_view name = name_of(header.host);
  if (!this_machine(name) && !rules.hosts.contains(std::string(name)))
    return refusal(403, "NoRights",
                   fmt::format("the Host of this request is '{}', and this page is not known by that name; "
                               "`parallelrun ui --host NAME` (ui.hosts of the chart) names those it has",
                               shown(header.host)));
  if (!data) return std::nullopt;
  if (auto other = other_page(header)) return other;
  if (header.authorization.empty())
    return sign_in_refusal("this page shows what your own bearer token lets you see; sign in with one");
  if (bearer_token(header.authorization).empty())
    return sign_in_refusal("this is no bearer token; sign in with one, as your cluster gives them to you");
  const std::string fault = fault_of_namespaces(names_in(field(header, kNamespaceField)));
  return fault.empty() ? std::nullopt : std::optional(refusal(400, "Namespace", fault));
}

std::string fault_of_namespaces(const std::vector<std::string>& names) {
  if (names.size() > kMostNamespacesOfViewer)
    return fmt::format("{} namespaces are named, but at most {} are shown together", names.size(),
                       kMostNamespacesOfViewer);
  const auto bad =
      std::find_if(names.begin(), names.end(), [](const std::string& name) { return !namespace_name(name); });
  if (bad == names.end()) return "";
  return fmt::format("'{}' is no name of a namespace: it has at most 63 small letters, digits and hyphens",
                     shown(*bad));
}

Claim claim_of(const ViewerRules& rules, const HttpServer::Header& header) {
  std::vector<std::string> names = names_in(field(header, kNamespaceField));
  if (names.empty()) names = rules.name_spaces;
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return {bearer_token(header.authorization), std::move(names)};
}

HttpServer::Reply sign_in_refusal(const std::string& message) {
  HttpServer::Reply reply = refusal(401, "SignIn", message);
  reply.headers.emplace_back("WWW-Authenticate", "Bearer");
  return reply;
}

}  // namespace parallelrun::web
