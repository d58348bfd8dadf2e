#include "common/kube/api_error.h"

#include <algorithm>
#include <charconv>

#include "common/json/json.h"
#include "common/json/members.h"

namespace parallelrun::kube {
namespace {

constexpr std::size_t kQuotedBody = 300;
constexpr std::int64_t kLongestRetrySeconds = 3600;

bool has_cause(const nlohmann::json& details, std::string_view wanted) {
  const auto causes = details.find("causes");
  if (causes == details.end() || !causes->is_array()) return false;
  return std::any_of(causes->begin(), causes->end(),
                     [&](const nlohmann::json& cause) { return text_at(cause, "reason") == wanted; });
}

ApiFailure failure_of(int status, std::string_view reason) {
  switch (status) {
    case 400:
    case 413:
    case 422:
      return ApiFailure::kInvalid;
    case 401:
      return ApiFailure::kUnauthorized;
    case 403:
      return ApiFailure::kForbidden;
    case 404:
      return ApiFailure::kNotFound;
    case 409:
      return reason == "AlreadyExists" ? ApiFailure::kAlreadyExists : ApiFailure::kConflict;
    case 410:
      return ApiFailure::kGone;
    case 429:
      return ApiFailure::kTooManyRequests;
    default:
      return status >= 500 && status <= 599 ? ApiFailure::kServer : ApiFailure::kOther;
  }
}

// An object that does not fit into etcd comes back as a 500, though it never will fit.
bool too_large_for_etcd(std::string_view message) {
  return message.find("etcdserver: request is too large") != std::string_view::npos ||
         message.find("trying to send message larger than max") != std::string_view::npos;
}

std::optional<std::chrono::seconds> bounded(std::int64_t seconds) {
  if (seconds < 0) return std::nullopt;
  return std::chrono::seconds(std::min(seconds, kLongestRetrySeconds));
}

}  // namespace

bool ApiError::transient() const {
  switch (failure) {
    case ApiFailure::kUnreachable:
    case ApiFailure::kUnauthorized:  // the token may have been replaced meanwhile
    case ApiFailure::kTooManyRequests:
    case ApiFailure::kServer:
    case ApiFailure::kMalformed:
      return true;
    default:
      return false;
  }
}

ApiError api_error(int status, std::string_view body, std::string_view retry_after) {
  ApiError error;
  error.status = status;
  std::int64_t seconds = -1;
  const auto [end, problem] =
      std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), seconds);
  if (problem == std::errc() && end == retry_after.data() + retry_after.size()) {
    error.retry_after = bounded(seconds);
  }

  bool version_too_large = false;
  const auto object = nlohmann::json::parse(body, nullptr, false);
  if (text_at(object, "kind") == "Status") {
    error.reason = text_at(object, "reason");
    error.message = text_at(object, "message");
    const auto details = object.find("details");
    if (details != object.end() && details->is_object()) {
      const auto retry = details->find("retryAfterSeconds");
      if (!error.retry_after && retry != details->end() && retry->is_number_integer()) {
        error.retry_after = bounded(retry->get<std::int64_t>());
      }
      version_too_large = has_cause(*details, "ResourceVersionTooLarge");
    }
  }
  error.failure = version_too_large                   ? ApiFailure::kVersionTooLarge
                  : too_large_for_etcd(error.message) ? ApiFailure::kInvalid
                                                      : failure_of(status, error.reason);
  if (error.message.empty()) {
    error.message =
        "the API server answered " + std::to_string(status) + ": " + std::string(body.substr(0, kQuotedBody));
  }
  return error;
}

}  // namespace parallelrun::kube
