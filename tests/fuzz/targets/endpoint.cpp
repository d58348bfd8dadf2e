// What is read as an endpoint is written and read back the same, and keeps to the limits of the system.
#include "common/http/endpoint.h"

#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

FUZZ_TARGET(endpoint) {
  const Result<Endpoint> endpoint = parse_endpoint(bytes);
  if (!endpoint) {
    HOLDS(endpoint.error().code == ErrorCode::kInvalidArgument);
    return;
  }
  const std::string text = to_string(*endpoint);
  const Result<Endpoint> again = parse_endpoint(text);
  HOLDS_ELSE(text, again && *again == *endpoint);
  if (endpoint->kind == Endpoint::Kind::kUnix) {
    HOLDS(text == bytes);
    HOLDS(endpoint->path.starts_with('/') && endpoint->path.size() <= 107 && endpoint->host.empty());
  } else {
    HOLDS(!endpoint->host.empty() && endpoint->path.empty());
    HOLDS_ELSE(text, text.find_first_of(" /@\n") == std::string::npos);
  }
}

}  // namespace
}  // namespace parallelrun
