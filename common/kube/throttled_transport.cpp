#include "common/kube/throttled_transport.h"

#include <condition_variable>

namespace parallelrun::kube {
namespace {

ApiError given_up() {
  ApiError error;
  error.failure = ApiFailure::kStopped;
  error.message = "the request was cancelled before it was sent";
  return error;
}

}  // namespace

ThrottledTransport::ThrottledTransport(Transport& next, RequestRate rate)
    : next_(next), bucket_(rate, std::chrono::steady_clock::now()) {}

bool ThrottledTransport::wait_for_turn(const std::stop_token& stop) {
  if (stop.stop_requested()) return false;
  std::unique_lock lock(mutex_);
  const Time now = std::chrono::steady_clock::now();
  const Time turn = now + bucket_.take(now);
  lock.unlock();
  if (turn == now) return true;
  std::mutex unused;
  std::unique_lock idle(unused);
  std::condition_variable_any().wait_until(idle, stop, turn, [] { return false; });
  if (!stop.stop_requested()) return true;
  lock.lock();
  bucket_.give_back();
  return false;
}

ApiResult<Response> ThrottledTransport::send(const Request& request, const std::stop_token& stop) {
  if (!wait_for_turn(stop)) return given_up();
  return next_.send(request, stop);
}

ApiResult<Response> ThrottledTransport::stream(const Request& request, const LineSink& sink,
                                               const std::stop_token& stop) {
  if (!wait_for_turn(stop)) return given_up();
  return next_.stream(request, sink, stop);
}

}  // namespace parallelrun::kube
