// The byte format of everything that is sent or stored: fixed-width little-endian integers and
// length-prefixed strings. Python's `struct` reads it as it is ("<I", "<Q", ...).
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace parallelrun::wire {

// Appends to a string that the caller owns.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void u16(std::uint16_t v) { integer(v); }
  void u32(std::uint32_t v) { integer(v); }
  void u64(std::uint64_t v) { integer(v); }
  void i64(std::int64_t v) { integer(static_cast<std::uint64_t>(v)); }
  // u32 length, then the bytes. Precondition: size < 2^32.
  void bytes(std::string_view v) {
    integer(static_cast<std::uint32_t>(v.size()));
    out_.append(v);
  }

 private:
  template <typename T>
  void integer(T v) {
    static_assert(std::is_unsigned_v<T>);
    char raw[sizeof(T)];
    for (std::size_t i = 0; i < sizeof(T); ++i) raw[i] = static_cast<char>(v >> (8 * i));
    out_.append(raw, sizeof(T));
  }
  std::string& out_;
};

// Reads what a peer or a disk holds, and trusts none of it: past the end every getter gives zero or
// empty and ok() turns false for good. Views point into the input.
class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}

  std::uint8_t u8() { return integer<std::uint8_t>(); }
  std::uint16_t u16() { return integer<std::uint16_t>(); }
  std::uint32_t u32() { return integer<std::uint32_t>(); }
  std::uint64_t u64() { return integer<std::uint64_t>(); }
  std::int64_t i64() { return static_cast<std::int64_t>(integer<std::uint64_t>()); }
  std::string_view bytes() {
    const std::uint32_t size = u32();
    if (!ok_ || size > in_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view v = in_.substr(0, size);
    in_.remove_prefix(size);
    return v;
  }
  std::string string() { return std::string(bytes()); }

  // Reads a count of elements of at least `smallest` bytes, then calls `element()` for each. Stops where it
  // gives false or where the input has ended too early, so a forged count costs nothing.
  template <typename Element>
  void repeated(std::size_t smallest, Element&& element) {
    const std::uint32_t n = count(smallest);
    for (std::uint32_t i = 0; i < n && ok_; ++i) {
      if (!element()) return;
    }
  }

  bool ok() const { return ok_; }
  std::string_view rest() const { return in_; }
  // All read, nothing left over, nothing missing.
  bool done() const { return ok_ && in_.empty(); }

 private:
  // A count of elements that are at least `element_size` bytes each: refused when the rest is shorter,
  // so that a forged count cannot make the caller reserve memory.
  std::uint32_t count(std::size_t element_size) {
    const std::uint32_t n = u32();
    if (!ok_ || n > in_.size() / (element_size == 0 ? 1 : element_size)) {
      ok_ = false;
      return 0;
    }
    return n;
  }

  template <typename T>
  T integer() {
    if (in_.size() < sizeof(T)) {
      ok_ = false;
      in_ = {};
      return 0;
    }
    T v = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      v = static_cast<T>(v | static_cast<T>(static_cast<T>(static_cast<unsigned char>(in_[i])) << (8 * i)));
    }
    in_.remove_prefix(sizeof(T));
    return v;
  }
  std::string_view in_;
  bool ok_ = true;
};

}  // namespace parallelrun::wire
