// Walks over the structures of Parquet's Thrift metadata.
#pragma once

#include <cstdint>
#include <string_view>

#include "runner/thrift/compact_thrift.h"

namespace parallelrun {

inline bool is_thrift_integer(CompactThrift::Type type) {
  using Type = CompactThrift::Type;
  return type == Type::kI16 || type == Type::kI32 || type == Type::kI64;
}

// Calls `visit(field)` for each field of a struct, which reads the value or gives false: then it is passed
// over.
template <typename Visit>
void for_each_field(CompactThrift& in, Visit visit) {
  using Type = CompactThrift::Type;
  for (CompactThrift::Field field = in.field(0); field.type != Type::kStop; field = in.field(field.id)) {
    if (!visit(field)) in.skip(field.type);
  }
}

// Calls `visit` before each element of a list of structs, which reads it.
template <typename Visit>
bool for_each_struct(CompactThrift& in, Visit visit) {
  const CompactThrift::List list = in.list();
  if (list.size > 0 && list.type != CompactThrift::Type::kStruct) return false;
  for (std::uint64_t i = 0; in.ok() && i < list.size; ++i) visit();
  return in.ok();
}

struct SchemaElement {
  std::string_view name;  // points into the bytes
  std::int64_t children = 0;
};
// SchemaElement: 4 name, 5 num_children.
inline SchemaElement take_schema_element(CompactThrift& in) {
  SchemaElement element;
  for_each_field(in, [&](const CompactThrift::Field& field) {
    if (field.id == 4 && field.type == CompactThrift::Type::kBinary) {
      element.name = in.binary();
    } else if (field.id == 5 && is_thrift_integer(field.type)) {
      element.children = in.integer();
    } else {
      return false;
    }
    return true;
  });
  return element;
}

}  // namespace parallelrun
