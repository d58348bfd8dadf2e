// What is sent or stored is written down once, as the list of its fields in their order:
//
//   void fields(auto& visit, wire::Is<Lease> auto& lease) {
//     visit(lease.attempt);
//     visit(lease.descriptor);
//   }
//
// beside its struct, in the struct's namespace. The visitors here encode it, measure it and decode it. A
// field is a number, a bool, a string, a time in milliseconds, an enumeration with a `last_of`, a struct with
// fields, or a vector of such.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "runner/wire/wire.h"

namespace parallelrun::wire {

// A T, or a const T: fields are listed for encoding and for decoding at once.
template <typename M, typename T>
concept Is = std::same_as<std::remove_const_t<M>, T>;

template <typename T>
concept Enumeration = std::is_enum_v<T>;

// In the place of a Writer: counts the bytes that one would write.
class ByteCount {
 public:
  void u8(std::uint8_t /*v*/) { bytes_ += 1; }
  void u32(std::uint32_t /*v*/) { bytes_ += 4; }
  void u64(std::uint64_t /*v*/) { bytes_ += 8; }
  void i64(std::int64_t /*v*/) { bytes_ += 8; }
  void bytes(std::string_view v) { bytes_ += 4 + v.size(); }

  std::size_t sum() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

// Into a Writer or a ByteCount, which must outlive it.
template <typename Sink>
class Encoder {
 public:
  explicit Encoder(Sink& out) : out_(out) {}

  void operator()(const bool& v) { out_.u8(v ? 1 : 0); }
  void operator()(const std::uint8_t& v) { out_.u8(v); }
  void operator()(const std::uint32_t& v) { out_.u32(v); }
  void operator()(const std::uint64_t& v) { out_.u64(v); }
  void operator()(const std::int64_t& v) { out_.i64(v); }
  void operator()(const std::string& v) { out_.bytes(v); }
  void operator()(const std::chrono::milliseconds& v) { out_.u64(static_cast<std::uint64_t>(v.count())); }
  void operator()(const Enumeration auto& v) { out_.u8(static_cast<std::uint8_t>(v)); }
  template <typename T>
  void operator()(const std::vector<T>& elements) {
    out_.u32(static_cast<std::uint32_t>(elements.size()));
    for (const T& element : elements) (*this)(element);
  }
  template <typename T>
  void operator()(const T& whole) {
    fields(*this, whole);
  }

 private:
  Sink& out_;
};

template <typename T>
std::size_t size_of(const T& whole) {
  ByteCount count;
  Encoder{count}(whole);
  return count.sum();
}

// The least bytes that a T takes: its strings and vectors are empty. Known to the decoder so that a forged
// count is refused before memory is reserved.
template <typename T>
std::size_t smallest() {
  static const std::size_t bytes = size_of(T{});
  return bytes;
}

template <typename T>
std::string encoded(const T& whole) {
  std::string out;
  out.reserve(size_of(whole));
  Writer writer(out);
  Encoder{writer}(whole);
  return out;
}

// Reads what a peer or a disk holds, and trusts none of it; see Reader. It also refuses values outside their
// range, so that what is decoded holds only what an Encoder could have written.
class Decoder {
 public:
  explicit Decoder(std::string_view body) : in_(body) {}

  void operator()(bool& v) { v = at_most(1) == 1; }
  void operator()(std::uint8_t& v) { v = in_.u8(); }
  void operator()(std::uint32_t& v) { v = in_.u32(); }
  void operator()(std::uint64_t& v) { v = in_.u64(); }
  void operator()(std::int64_t& v) { v = in_.i64(); }
  void operator()(std::string& v) { v = in_.string(); }
  void operator()(std::chrono::milliseconds& v) {
    const std::uint64_t count = in_.u64();
    if (count > kLongest) valid_ = false;
    v = std::chrono::milliseconds(count > kLongest ? 0 : static_cast<std::int64_t>(count));
  }
  template <Enumeration T>
  void operator()(T& v) {
    v = static_cast<T>(at_most(static_cast<std::uint8_t>(last_of(v))));
  }
  // Stops at the first element that is not whole.
  template <typename T>
  void operator()(std::vector<T>& elements) {
    in_.repeated(smallest<T>(), [&] {
      if (elements.size() >= kMostElements) valid_ = false;
      if (!valid_) return false;
      (*this)(elements.emplace_back());
      return ok();
    });
  }
  template <typename T>
  void operator()(T& whole) {
    fields(*this, whole);
  }

  bool ok() const { return valid_ && in_.ok(); }
  // Why what was read cannot be used, as the end of a sentence; nullptr: all was read, nothing is missing.
  const char* problem() const {
    if (!in_.ok()) return "ends too early or contains a length beyond its end";
    if (!valid_) return "contains a value that is out of range";
    return in_.done() ? nullptr : "has more bytes than it should";
  }

 private:
  // A year: longer than any time that is sent, short enough to be added to a clock.
  static constexpr std::uint64_t kLongest = 365ULL * 24 * 3600 * 1000;
  // Elements take more room in memory than on the wire: many empty ones would make a large thing of a small
  // message. An agent sends some thousands at most.
  static constexpr std::size_t kMostElements = 1U << 18U;

  std::uint8_t at_most(std::uint8_t last) {
    const std::uint8_t v = in_.u8();
    if (v <= last) return v;
    valid_ = false;
    return 0;
  }

  Reader in_;
  bool valid_ = true;
};

}  // namespace parallelrun::wire
