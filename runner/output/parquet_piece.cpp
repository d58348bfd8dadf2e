#include "runner/output/parquet_piece.h"

#include <utility>

#include "common/json/json.h"
#include "common/result/try.h"
#include "runner/thrift/compact_thrift.h"
#include "runner/thrift/compact_thrift_writer.h"
#include "runner/thrift/parquet_magic.h"
#include "runner/wire/wire.h"

namespace parallelrun {
namespace {

using Type = CompactThrift::Type;
using Field = CompactThrift::Field;

constexpr std::int64_t kRepeated = 2;  // of FieldRepetitionType
// More than a frame of a worker can hold; sums of them stay far below 2^63.
constexpr std::int64_t kMostRows = 1LL << 31U;
constexpr std::int64_t kMostValues = 1LL << 40U;

Error broken_piece() {
  return Error{
      ErrorCode::kCorrupt,
      "output.format is parquet, but an agent sent rows that are no part of a Parquet file; they were "
      "not written. Use the same version for agents and orchestrator"};
}

bool is_integer(Type type) { return type == Type::kI16 || type == Type::kI32 || type == Type::kI64; }

template <typename Visit>
void for_each_field(CompactThrift& in, Visit visit) {
  for (Field field = in.field(0); field.type != Type::kStop; field = in.field(field.id)) {
    if (!visit(field)) in.skip(field.type);
  }
}

struct Element {
  std::string_view name;
  std::string_view bytes;
  std::int64_t children = 0;
  bool repeated = false;
};

// SchemaElement: 3 repetition_type, 4 name, 5 num_children.
Element take_element(CompactThrift& in) {
  Element element;
  const std::string_view before = in.rest();
  for_each_field(in, [&](const Field& field) {
    if (field.id == 3 && is_integer(field.type)) {
      element.repeated = in.integer() == kRepeated;
    } else if (field.id == 4 && field.type == Type::kBinary) {
      element.name = in.binary();
    } else if (field.id == 5 && is_integer(field.type)) {
      element.children = in.integer();
    } else {
      return false;
    }
    return true;
  });
  element.bytes = before.substr(0, before.size() - in.rest().size());
  return element;
}

// The elements from `at` on of one column: a tree in the order of a depth-first walk.
bool take_tree(const std::vector<Element>& elements, std::size_t& at, bool repeated, int depth,
               ParquetPiece::Column& column) {
  constexpr int kDeepest = 32;
  if (at >= elements.size() || depth > kDeepest) return false;
  const Element& element = elements[at++];
  column.elements.push_back(element.bytes);
  repeated = repeated || element.repeated;
  if (element.children < 0) return false;
  if (element.children == 0) {
    ParquetLeaf& leaf = column.leaves.emplace_back();
    leaf.repeated = repeated;
    leaf.element = column.elements.size() - 1;
  }
  for (std::int64_t i = 0; i < element.children; ++i) {
    if (!take_tree(elements, at, repeated, depth + 1, column)) return false;
  }
  return true;
}

bool take_schema(CompactThrift& in, ParquetPiece& piece) {
  const CompactThrift::List list = in.list();
  if (list.type != Type::kStruct || list.size == 0) return false;
  std::vector<Element> elements;
  for (std::uint64_t i = 0; in.ok() && i < list.size; ++i) elements.push_back(take_element(in));
  if (!in.ok() || elements.front().children != static_cast<std::int64_t>(piece.head.columns.size()))
    return false;
  std::size_t at = 1;
  for (const ParquetColumn& named : piece.head.columns) {
    ParquetPiece::Column& column = piece.columns.emplace_back();
    if (at >= elements.size() || elements[at].name != named.name) return false;
    if (!take_tree(elements, at, false, 0, column)) return false;
  }
  return at == elements.size();
}

// ColumnMetaData: 1 type, 3 path_in_schema, 4 codec, 5 num_values, 6 and 7 sizes, 9 data_page_offset, 11
// dictionary_page_offset.
bool take_chunk(CompactThrift& in, std::string_view file, ParquetLeaf& leaf, ParquetChunk& chunk) {
  std::int64_t offset = -1;
  std::int64_t compressed = -1;
  bool dictionary = false;
  const auto take = [&](const Field& field) {
    if (field.id == 3 && field.type == Type::kList) {
      const CompactThrift::List names = in.list();
      for (std::uint64_t i = 0; in.ok() && i < names.size; ++i)
        ThriftStruct::append_binary(leaf.path, in.binary());
      leaf.names = static_cast<std::size_t>(names.size);
      return true;
    }
    if (!is_integer(field.type)) return false;
    const std::int64_t value = in.integer();
    if (field.id == 1) leaf.type = value;
    if (field.id == 4) leaf.codec = value;
    if (field.id == 5) chunk.values = value;
    if (field.id == 6) chunk.uncompressed = value;
    if (field.id == 7) compressed = value;
    if (field.id == 9) offset = value;
    if (field.id == 11) dictionary = true;
    return true;
  };
  // ColumnChunk: 3 meta_data.
  for_each_field(in, [&](const Field& field) {
    if (field.id != 3 || field.type != Type::kStruct) return false;
    for_each_field(in, take);
    return true;
  });
  const auto size = static_cast<std::int64_t>(file.size());
  if (!in.ok() || dictionary || offset < 0 || compressed < 0 || chunk.values < 0 ||
      chunk.values > kMostValues || chunk.uncompressed < 0 || chunk.uncompressed > kMostValues ||
      offset > size || compressed > size - offset)
    return false;
  chunk.bytes = file.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(compressed));
  return true;
}

// RowGroup: 1 columns, 3 num_rows.
bool take_row_group(CompactThrift& in, std::string_view file, ParquetPiece& piece) {
  bool sound = true;
  for_each_field(in, [&](const Field& field) {
    if (field.id == 3 && is_integer(field.type)) {
      piece.rows = in.integer();
      return true;
    }
    if (field.id != 1 || field.type != Type::kList) return false;
    std::uint64_t left = in.list().size;
    for (ParquetPiece::Column& column : piece.columns) {
      for (ParquetLeaf& leaf : column.leaves) {
        sound = sound && left-- > 0 && take_chunk(in, file, leaf, column.chunks.emplace_back());
        if (!sound) return true;
      }
    }
    sound = left == 0;
    return true;
  });
  return sound && in.ok() && piece.rows > 0 && piece.rows < kMostRows;
}

// FileMetaData: 2 schema, 4 row_groups.
bool take_file(std::string_view file, ParquetPiece& piece) {
  constexpr std::size_t kTail = 8;
  if (file.size() < kParquetMagic.size() + kTail || !file.starts_with(kParquetMagic) ||
      !file.ends_with(kParquetMagic))
    return false;
  const std::size_t length = wire::Reader(file.substr(file.size() - kTail, 4)).u32();
  if (length > file.size() - kTail - kParquetMagic.size()) return false;
  CompactThrift in(file.substr(file.size() - kTail - length, length));
  bool sound = true;
  bool groups = false;
  for_each_field(in, [&](const Field& field) {
    if (!sound || field.type != Type::kList) return false;
    if (field.id == 2) {
      sound = take_schema(in, piece);
      return true;
    }
    if (field.id != 4) return false;
    groups = true;
    sound = in.list().size == 1 && take_row_group(in, file, piece);
    return true;
  });
  return sound && groups && in.ok();
}

}  // namespace

Result<ParquetHead> parse_parquet_head(std::string_view rows) {
  const nlohmann::json json = nlohmann::json::parse(wire::Reader(rows).bytes(), nullptr, false);
  if (!json.is_object() || !json.contains("columns") || !json["columns"].is_array()) return broken_piece();
  ParquetHead head;
  for (const nlohmann::json& column : json["columns"]) {
    if (!column.is_array() || column.size() < 4 || !column[0].is_string() || !column[1].is_string() ||
        !column[3].is_boolean() || (column.size() > 4 && !column[4].is_string()))
      return broken_piece();
    head.columns.push_back({column[0].get<std::string>(), column[1].get<std::string>(),
                            column[2].is_string() ? column[2].get<std::string>() : std::string(),
                            column[3].get<bool>(),
                            column.size() > 4 ? column[4].get<std::string>() : column[1].dump()});
  }
  if (head.columns.empty()) return broken_piece();
  if (const auto pandas = json.find("pandas"); pandas != json.end() && pandas->is_string())
    head.pandas = pandas->get<std::string>();
  return head;
}

Result<ParquetPiece> parse_parquet_piece(std::string_view rows) {
  ParquetPiece piece;
  ASSIGN_OR_RETURN(piece.head, parse_parquet_head(rows));
  wire::Reader reader(rows);
  reader.bytes();
  piece.arrow_schema = reader.bytes();
  if (!reader.ok() || !take_file(reader.rest(), piece)) return broken_piece();
  return piece;
}

}  // namespace parallelrun
