// A transport that tells an observer of every request: what metrics and request logs are made of.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "common/kube/transport.h"

namespace parallelrun::kube {

struct RequestOutcome {
  std::string method;  // "GET"
  std::string verb;    // the API's: get, list, watch, create, update, patch, apply, delete, deletecollection
  std::string path;    // without names: "/api/v1/namespaces/{namespace}/pods/{name}/status"
  std::string resource;  // "pods", "leases.coordination.k8s.io"; empty where the path is of another kind
  int status = 0;        // 0: no answer
  std::optional<ApiFailure> failure;  // why there was none
  // From handing the request on to the end of its answer; of a watch: how long it was open.
  std::chrono::nanoseconds duration{0};

  // "200", or "<error>" without an answer, as client-go's rest_client_requests_total has it.
  std::string code() const { return status == 0 ? "<error>" : std::to_string(status); }
};

class RequestObserver {
 public:
  virtual ~RequestObserver() = default;
  // Called by the thread of each request when it has ended, several at once; must not block for long.
  virtual void on_request(const RequestOutcome& outcome) = 0;
};

// A request given up by its caller (kStopped) is not told: it says nothing about the server.
class ObservedTransport final : public Transport {
 public:
  // Both must outlive this object.
  ObservedTransport(Transport& next, RequestObserver& observer) : next_(next), observer_(observer) {}
  ApiResult<Response> send(const Request& request, const std::stop_token& stop) override;
  ApiResult<Response> stream(const Request& request, const LineSink& sink,
                             const std::stop_token& stop) override;

 private:
  void tell(const Request& request, std::chrono::steady_clock::time_point began,
            const ApiResult<Response>& result);

  Transport& next_;
  RequestObserver& observer_;
};

// The outcome's method, verb, path and resource.
RequestOutcome classify(const Request& request);

}  // namespace parallelrun::kube
