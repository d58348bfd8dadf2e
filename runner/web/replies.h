// What every answer of the page's server has in common.
#pragma once

#include <string>

#include "common/http/http_server.h"
#include "common/json/json.h"
#include "common/result/result.h"

namespace parallelrun::web {

inline constexpr std::string_view kJson = "application/json";
inline constexpr std::string_view kBearer = "Bearer ";

// Of every answer: what a browser may do with it.
const HttpServer::Fields& security_fields();

HttpServer::Reply data_reply(unsigned status, std::string text);
HttpServer::Reply data_reply(Result<nlohmann::ordered_json> answer);
// {"message", "reason"}; docs/ui.md lists the reasons.
HttpServer::Reply refusal(unsigned status, const char* reason, const std::string& message);
HttpServer::Reply refusal(const Error& error);

}  // namespace parallelrun::web
