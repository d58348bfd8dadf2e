// Expected failures as values: a code, a sentence for the user, and whether trying again can help.
// Exceptions are left to bugs and to start-up.
#pragma once

#include <optional>
#include <string>
#include <utility>

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

// Either a T or an Error. Value semantics; not thread-safe by itself. Not a std::variant: of all templates
// that is the dearest to compile, and there are hundreds of results.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }

  // Precondition of value(): ok(). Precondition of error(): !ok().
  T& value() & { return value_.value(); }
  const T& value() const& { return value_.value(); }
  T&& value() && { return std::move(value_).value(); }
  const Error& error() const { return error_; }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::optional<T> value_;
  Error error_;
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
