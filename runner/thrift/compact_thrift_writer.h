// Writes Thrift's compact protocol, as far as Parquet files need it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "runner/thrift/compact_thrift.h"

namespace parallelrun {

// One struct. Its fields are added in ascending order of their ids.
class ThriftStruct {
 public:
  void i32(std::int16_t id, std::int64_t value) { number(id, CompactThrift::Type::kI32, value); }
  void i64(std::int16_t id, std::int64_t value) { number(id, CompactThrift::Type::kI64, value); }
  void binary(std::int16_t id, std::string_view value) {
    head(id, CompactThrift::Type::kBinary);
    append_binary(bytes_, value);
  }
  void structure(std::int16_t id, ThriftStruct&& value) {
    head(id, CompactThrift::Type::kStruct);
    bytes_ += std::move(value).take();
  }
  // `elements`: the bytes of all of them, one behind the other.
  void list(std::int16_t id, CompactThrift::Type type, std::size_t count, std::string_view elements) {
    head(id, CompactThrift::Type::kList);
    const auto kind = static_cast<unsigned>(type);
    if (count < 15) {
      bytes_ += static_cast<char>(static_cast<unsigned>(count) << 4U | kind);
    } else {
      bytes_ += static_cast<char>(0xF0U | kind);
      append_varint(bytes_, count);
    }
    bytes_ += elements;
  }
  // With its end.
  std::string take() && {
    bytes_ += '\0';
    return std::move(bytes_);
  }

  static void append_varint(std::string& out, std::uint64_t value) {
    for (; value >= 0x80U; value >>= 7U) out += static_cast<char>((value & 0x7FU) | 0x80U);
    out += static_cast<char>(value);
  }
  static void append_integer(std::string& out, std::int64_t value) {  // zigzag
    append_varint(out, (static_cast<std::uint64_t>(value) << 1U) ^ (value < 0 ? ~std::uint64_t{0} : 0));
  }
  static void append_binary(std::string& out, std::string_view value) {
    append_varint(out, value.size());
    out += value;
  }

 private:
  void number(std::int16_t id, CompactThrift::Type type, std::int64_t value) {
    head(id, type);
    append_integer(bytes_, value);
  }
  void head(std::int16_t id, CompactThrift::Type type) {
    const auto step = static_cast<unsigned>(id - last_);  // at most 15 in the structs of Parquet
    bytes_ += static_cast<char>(step << 4U | static_cast<unsigned>(type));
    last_ = id;
  }

  std::string bytes_;
  std::int16_t last_ = 0;
};

}  // namespace parallelrun
