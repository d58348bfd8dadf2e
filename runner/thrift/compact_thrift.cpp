#include "runner/thrift/compact_thrift.h"

namespace parallelrun {

void CompactThrift::fail() {
  ok_ = false;
  rest_ = {};
}

std::uint8_t CompactThrift::byte() {
  if (rest_.empty()) {
    fail();
    return 0;
  }
  const auto value = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return value;
}

std::uint64_t CompactThrift::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint8_t next = byte();
    if (!ok_ || (shift == 63 && next > 1)) break;
    value |= std::uint64_t{next & 0x7FU} << shift;
    if ((next & 0x80U) == 0) return value;
  }
  fail();
  return 0;
}

std::int64_t CompactThrift::integer() {
  const std::uint64_t value = varint();  // zigzag
  return static_cast<std::int64_t>((value >> 1U) ^ (~(value & 1U) + 1));
}

std::string_view CompactThrift::binary() {
  const std::uint64_t size = varint();
  if (size > rest_.size()) {
    fail();
    return {};
  }
  const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(size));
  rest_.remove_prefix(taken.size());
  return taken;
}

CompactThrift::Type CompactThrift::type_of(std::uint8_t nibble) {
  if (nibble >= 1 && nibble <= static_cast<std::uint8_t>(Type::kStruct)) return static_cast<Type>(nibble);
  fail();
  return Type::kStop;
}

CompactThrift::Field CompactThrift::field(std::int16_t before) {
  const std::uint8_t head = byte();
  if (!ok_ || head == 0) return {};
  Field field;
  field.type = type_of(head & 0x0FU);
  const std::uint8_t step = head >> 4U;
  const std::int64_t id = step == 0 ? integer() : std::int64_t{before} + step;
  if (id < INT16_MIN || id > INT16_MAX) fail();
  if (!ok_) return {};
  field.id = static_cast<std::int16_t>(id);
  return field;
}

CompactThrift::List CompactThrift::list() {
  const std::uint8_t head = byte();
  if (!ok_) return {};
  List list;
  list.type = type_of(head & 0x0FU);
  list.size = head >> 4U;
  if (list.size == 15) list.size = varint();
  if (list.size > rest_.size()) fail();  // every element takes a byte or more
  if (!ok_) return {};
  return list;
}

void CompactThrift::skip_bytes(std::uint64_t count) {
  if (count > rest_.size()) return fail();
  rest_.remove_prefix(static_cast<std::size_t>(count));
}

void CompactThrift::skip(Type type, bool in_list, int depth) {
  if (depth > kDeepest) return fail();
  switch (type) {
    case Type::kTrue:
    case Type::kFalse:
      if (in_list) skip_bytes(1);
      return;
    case Type::kByte:
      return skip_bytes(1);
    case Type::kI16:
    case Type::kI32:
    case Type::kI64:
      varint();
      return;
    case Type::kDouble:
      return skip_bytes(8);
    case Type::kBinary:
      binary();
      return;
    case Type::kList:
    case Type::kSet: {
      const List elements = list();
      for (std::uint64_t i = 0; ok_ && i < elements.size; ++i) skip(elements.type, true, depth + 1);
      return;
    }
    case Type::kMap: {
      const std::uint64_t size = varint();
      if (size == 0) return;
      const std::uint8_t types = byte();
      const Type key = type_of(types >> 4U);
      const Type value = type_of(types & 0x0FU);
      for (std::uint64_t i = 0; ok_ && i < size; ++i) {
        skip(key, true, depth + 1);
        skip(value, true, depth + 1);
      }
      return;
    }
    case Type::kStruct:
      for (Field next = field(0); next.type != Type::kStop; next = field(next.id))
        skip(next.type, false, depth + 1);
      return;
    case Type::kStop:
      return fail();
  }
}

}  // namespace parallelrun
