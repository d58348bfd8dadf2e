// Expected failures as values: a code, a sentence for the user, and whether trying again can help.
// Exceptions are left to bugs and to start-up.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace parallelrun {

enum class ErrorCode {
  kInvalidArgument,  // the caller's or the user's input breaks a rule; the message names which
  kNotFound,
  kConflict,     // somebody else holds or owns the thing
  kUnavailable,  // a peer or the system cannot be reached now
  kNoSpace,      // ENOSPC, EDQUOT
  kCorrupt,      // stored bytes fail their checksum or their rules
  kIo,           // any other error of the operating system
  kAborted,      // the operation was given up on purpose
  kUnsupported,
};

// One expected failure. `message` is a whole sentence part that names the file, field or peer.
struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kIo;
  std::string message;
  bool retryable = false;
};

// Either a T or an Error. Value semantics; not thread-safe by itself.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Precondition of value(): ok(). Precondition of error(): !ok().
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  const Error& error() const { return std::get<1>(state_); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Error> state_;
};

// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  const Error& error() const { return error_; }

 private:
  Error error_;
  bool ok_ = true;
};

using Status = Result<void>;

}  // namespace parallelrun
