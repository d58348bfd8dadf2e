// What can go wrong with a request to the API server, told apart by what a caller does about it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace parallelrun::kube {

enum class ApiFailure {
  kUnreachable,      // no answer: refused, reset, timed out, TLS. Whether a write took place is not known.
  kStopped,          // the caller gave the request up
  kUnauthorized,     // 401
  kForbidden,        // 403: RBAC, quota, admission; the message says which
  kNotFound,         // 404
  kAlreadyExists,    // 409 of a create
  kConflict,         // 409 of an update, of preconditions or of another field manager
  kGone,             // 410: the resource version or the continue token is too old; list again
  kInvalid,          // 422, 400, 413, too large for etcd: a rule is broken; the same request fails again
  kTooManyRequests,  // 429; retry_after says when
  kServer,           // 5xx
  kVersionTooLarge,  // the server's data is older than the resource version asked for (it was restored)
  kMalformed,        // an answer that is not what the API promises
  kOther,
};

struct ApiError {
  ApiFailure failure = ApiFailure::kOther;
  int status = 0;      // HTTP status; 0 without an answer
  std::string reason;  // `reason` of the Status object, such as "AlreadyExists"
  std::string message;
  // From the Retry-After header or the Status object, whichever is there; at most an hour.
  std::optional<std::chrono::seconds> retry_after;

  // Whether the same request may succeed later without anything being changed.
  bool transient() const;
};

// Reads the answer to a request that failed: `body` is a Status object or any text, which is quoted in part.
// `retry_after` is the value of that header or empty; a date is ignored.
ApiError api_error(int status, std::string_view body, std::string_view retry_after);

// Either a T or an ApiError. Precondition of value(): ok(). Precondition of error(): !ok().
template <typename T>
class [[nodiscard]] ApiResult {
 public:
  ApiResult(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  ApiResult(ApiError error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  const ApiError& error() const { return std::get<1>(state_); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, ApiError> state_;
};

}  // namespace parallelrun::kube
