// Reads Thrift's compact protocol, as far as the footers of Parquet files need it. Past an error, which is
// for good, all numbers are 0 and all texts empty, so that callers look at ok() once, at the end of each
// loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace parallelrun {

class CompactThrift {
 public:
  enum class Type : std::uint8_t {
    kStop = 0,
    kTrue = 1,
    kFalse = 2,
    kByte = 3,
    kI16 = 4,
    kI32 = 5,
    kI64 = 6,
    kDouble = 7,
    kBinary = 8,
    kList = 9,
    kSet = 10,
    kMap = 11,
    kStruct = 12,
  };
  struct Field {
    std::int16_t id = 0;
    Type type = Type::kStop;
  };
  struct List {
    Type type = Type::kStop;
    std::uint64_t size = 0;  // at most the bytes that are left
  };

  explicit CompactThrift(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }  // that was not read yet

  // The next field of a struct whose last one was `before` (0: none). kStop: its end, or an error.
  Field field(std::int16_t before);
  List list();
  std::int64_t integer();     // kByte, kI16, kI32, kI64
  std::string_view binary();  // points into the bytes
  // Passes over a value of this type. In a list a bool takes a byte, in a struct none.
  void skip(Type type, bool in_list = false) { skip(type, in_list, 0); }

 private:
  static constexpr int kDeepest = 32;

  void fail();
  std::uint8_t byte();
  std::uint64_t varint();
  void skip_bytes(std::uint64_t count);
  void skip(Type type, bool in_list, int depth);
  Type type_of(std::uint8_t nibble);

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace parallelrun
