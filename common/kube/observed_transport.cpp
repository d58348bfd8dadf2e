#include "common/kube/observed_transport.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace parallelrun::kube {
namespace {

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const auto slash = std::min(path.find('/'), path.size());
    if (slash > 0) parts.push_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

std::string verb_of(const Request& request, bool named) {
  const auto watch = request.query.find("watch");
  if (request.method == "GET") {
    if (watch != request.query.end() && watch->second == "true") return "watch";
    return named ? "get" : "list";
  }
  if (request.method == "POST") return "create";
  if (request.method == "PUT") return "update";
  if (request.method == "DELETE") return named ? "delete" : "deletecollection";
  if (request.method != "PATCH") return request.method;
  const auto type = request.headers.find("Content-Type");
  const bool apply = type != request.headers.end() && type->second == "application/apply-patch+yaml";
  return apply ? "apply" : "patch";
}

}  // namespace

RequestOutcome classify(const Request& request) {
  RequestOutcome outcome;
  outcome.method = request.method;
  const auto parts = parts_of(request.path);
  std::size_t next = 0;
  const auto keep = [&](std::size_t count) {
    for (; count > 0 && next < parts.size(); --count) outcome.path.append("/").append(parts[next++]);
  };
  const auto replace = [&](const char* placeholder) {
    if (next >= parts.size()) return false;
    ++next;
    outcome.path.append("/").append(placeholder);
    return true;
  };
  // /api/VERSION or /apis/GROUP/VERSION, then namespaces/NAME, then PLURAL/NAME/SUBRESOURCE.
  const bool core = !parts.empty() && parts[0] == "api";
  if (!core && (parts.empty() || parts[0] != "apis")) {
    keep(parts.size());
    outcome.verb = verb_of(request, true);
    return outcome;
  }
  keep(core ? 2 : 3);
  // "namespaces/NAME" alone, or with one of its subresources, is the Namespace itself.
  const bool inside = parts.size() > next + 2 && parts[next] == "namespaces" && parts[next + 2] != "status" &&
                      parts[next + 2] != "finalize";
  if (inside) {
    keep(1);
    replace("{namespace}");
  }
  if (next < parts.size()) {
    outcome.resource = parts[next];
    if (!core) outcome.resource.append(".").append(parts[1]);
    keep(1);
  }
  const bool named = replace("{name}");
  keep(parts.size());
  outcome.verb = verb_of(request, named);
  return outcome;
}

void ObservedTransport::tell(const Request& request, std::chrono::steady_clock::time_point began,
                             const ApiResult<Response>& result) {
  if (!result.ok() && result.error().failure == ApiFailure::kStopped) return;
  RequestOutcome outcome = classify(request);
  outcome.duration = std::chrono::steady_clock::now() - began;
  if (result.ok()) {
    outcome.status = result->status;
  } else {
    outcome.failure = result.error().failure;
  }
  observer_.on_request(outcome);
}

ApiResult<Response> ObservedTransport::send(const Request& request, const std::stop_token& stop) {
  const auto began = std::chrono::steady_clock::now();
  auto result = next_.send(request, stop);
  tell(request, began, result);
  return result;
}

ApiResult<Response> ObservedTransport::stream(const Request& request, const LineSink& sink,
                                              const std::stop_token& stop) {
  const auto began = std::chrono::steady_clock::now();
  auto result = next_.stream(request, sink, stop);
  tell(request, began, result);
  return result;
}

}  // namespace parallelrun::kube
