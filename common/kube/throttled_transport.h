// A transport that keeps below a rate of requests, as client-go's rate limiter does for a client.
#pragma once

#include <mutex>

#include "common/kube/token_bucket.h"
#include "common/kube/transport.h"

namespace parallelrun::kube {

// A request waits for its turn before it is handed on; the wait is no part of its time limit, and ends with
// kStopped when it is given up. A watch counts once, when it begins. Lease renewals do not belong here.
class ThrottledTransport final : public Transport {
 public:
  // `next` must outlive this object.
  ThrottledTransport(Transport& next, RequestRate rate);
  ApiResult<Response> send(const Request& request, const std::stop_token& stop) override;
  ApiResult<Response> stream(const Request& request, const LineSink& sink,
                             const std::stop_token& stop) override;

 private:
  // False: given up.
  bool wait_for_turn(const std::stop_token& stop);

  Transport& next_;
  std::mutex mutex_;
  TokenBucket bucket_;  // guarded by mutex_
};

}  // namespace parallelrun::kube
