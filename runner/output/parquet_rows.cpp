#include "runner/output/parquet_rows.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/json/json.h"
#include "common/openssl/base64.h"
#include "common/result/try.h"
#include "common/text/first_of.h"
#include "common/text/presentable.h"
#include "runner/output/parquet_null_page.h"
#include "runner/output/parquet_shape.h"
#include "runner/thrift/compact_thrift_writer.h"
#include "runner/thrift/parquet_magic.h"
#include "runner/wire/wire.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

using Type = CompactThrift::Type;

constexpr std::string_view kCreator = "parallelrun";
constexpr std::size_t kGroupBytes = 64U << 20U;  // of a row group, about
constexpr std::int64_t kGroupRows = 1'000'000;
constexpr std::size_t kMostNames = 10;

std::string named(const std::vector<ParquetColumn>& columns) {
  std::vector<std::string> names;
  for (const ParquetColumn& column : columns) names.push_back(presentable(column.name));
  return first_of(names, kMostNames, Joined::kNames);
}

const ParquetColumn* find(const std::vector<ParquetColumn>& columns, const std::string& name) {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const auto& one) { return one.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

constexpr std::string_view kPlainTypes[] = {
    "int8",  "int16",  "int32", "int64",  "uint8",  "uint16",      "uint32",        "uint64",
    "float", "double", "bool",  "string", "binary", "date32[day]", "timestamp[us]", "timestamp[ns]"};

// Whether readers know the type without Arrow's schema.
bool tells_itself(const std::string& type) {
  return type == "null" || type.starts_with("decimal128(") ||
         std::find(std::begin(kPlainTypes), std::end(kPlainTypes), type) != std::end(kPlainTypes);
}

// What a column has in all mini-batches that have a value in it. Nothing: they do not fit together.
std::optional<ParquetColumn> of_both(const ParquetColumn& known, const ParquetColumn& other) {
  if (known.type == other.type && known.shape == other.shape) return known;
  const auto one = parse_parquet_shape(known.shape);
  const auto another = parse_parquet_shape(other.shape);
  const auto both = one && another ? united(*one, *another) : std::nullopt;
  if (!both) return std::nullopt;
  if (*both == *one) return known;
  if (*both == *another) return other;
  // Each has a type that the other lacks: Arrow's schema is that of the first one.
  const std::vector<std::string> here = leaves_of(*one);
  const std::vector<std::string> all = leaves_of(*both);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (here[i] != all[i] && !tells_itself(all[i])) return std::nullopt;
  }
  ParquetColumn column = known;
  column.type = in_words(*both);
  column.shape = both->dump();
  return column;
}

std::string stored_in_two_ways(const std::string& column) {
  return fmt::format("the column {} is stored in two ways; use the same version of pyarrow on all nodes",
                     presentable(column));
}

Error misfit(std::string what) { return Error{ErrorCode::kInvalidArgument, std::move(what), false}; }

// Takes the types of columns that had no value yet. Error: other columns, or another type.
Status unite(const std::vector<ParquetColumn>& more, std::vector<ParquetColumn>& known) {
  if (known.empty()) known = more;
  const bool same_names = more.size() == known.size() &&
                          std::all_of(more.begin(), more.end(),
                                      [&](const auto& one) { return find(known, one.name) != nullptr; });
  if (!same_names) {
    return misfit(fmt::format(
        "run() returned a table with the columns {}, but the first result of this job has {}. With "
        "output.format: parquet every mini-batch must return the same columns. Return all of them, "
        "with None where there is no value, or set output.format: jsonl",
        named(more), named(known)));
  }
  std::vector<ParquetColumn> united = known;
  for (ParquetColumn& column : united) {
    const ParquetColumn& other = *find(more, column.name);
    if (!other.valued) {
      if (!column.valued && column.type == "null") column = other;
      continue;
    }
    // One that holds gaps in some mini-batches is read so in all of them.
    const std::string dtype = column.valued && !column.dtype.empty() ? column.dtype : other.dtype;
    const auto both = column.valued ? of_both(column, other) : std::optional(other);
    if (both) {
      column = *both;
      column.dtype = dtype;
    } else {
      return misfit(fmt::format(
          "run() returned the column {} with the type {}, but earlier results of this job have {}. With "
          "output.format: parquet a column has one type in all mini-batches: convert it in the script, for "
          "example with astype(\"float64\")",
          presentable(column.name), presentable(other.type), presentable(column.type)));
    }
  }
  known = std::move(united);
  return {};
}

class SameTypes final : public RowCheck {
 public:
  explicit SameTypes(std::vector<ParquetColumn> columns) : columns_(std::move(columns)) {}

  Status admit(std::string& rows) override {
    if (rows.empty()) return {};
    const Result<ParquetHead> head = parse_parquet_head(rows);
    if (!head) return misfit(head.error().message);
    return unite(head->columns, columns_);
  }

 private:
  std::vector<ParquetColumn> columns_;
};

}  // namespace

bool ParquetRows::knows_its_rows() const {
  return !columns_.empty() && std::all_of(columns_.begin(), columns_.end(), [](const auto& column) {
    return column.valued && column.shape.find("\"null\"") == std::string::npos;
  });
}

Status ParquetRows::learn(const ParquetPiece& piece) {
  const std::vector<ParquetColumn> before = columns_;
  if (const Status fits = unite(piece.head.columns, columns_); !fits) {
    // They were asked before they were sent to be committed.
    return Error{ErrorCode::kCorrupt, fits.error().message};
  }
  decided_.resize(columns_.size());
  bool taken = false;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!before.empty() && before[i].type == columns_[i].type && before[i].shape == columns_[i].shape)
      continue;
    const auto& names = piece.head.columns;
    const auto place = static_cast<std::size_t>(find(names, columns_[i].name) - names.data());
    const ParquetPiece::Column& from = piece.columns[place];
    if (columns_[i].shape != names[place].shape) {
      RETURN_IF_ERROR(complete(decided_[i], before[i], from));
      continue;
    }
    taken = true;
    decided_[i] = {{from.elements.begin(), from.elements.end()}, from.leaves, {schemas_.size(), place}};
  }
  if (taken) schemas_.emplace_back(piece.arrow_schema);
  if (pandas_.empty()) pandas_ = piece.head.pandas;
  return {};
}

// The fields that had no value before are as those of `from`.
Status ParquetRows::complete(Column& column, const ParquetColumn& before,
                             const ParquetPiece::Column& from) const {
  const auto shape = parse_parquet_shape(before.shape);
  const std::vector<std::string> leaves = shape ? leaves_of(*shape) : std::vector<std::string>();
  const bool alike = leaves.size() == column.leaves.size() && leaves.size() == from.leaves.size() &&
                     column.elements.size() == from.elements.size();
  for (std::size_t k = 0; alike && k < leaves.size(); ++k) {
    if (leaves[k] != "null") continue;
    column.elements[column.leaves[k].element] = from.elements[from.leaves[k].element];
    column.leaves[k] = from.leaves[k];
  }
  return alike ? Status() : Status(Error{ErrorCode::kCorrupt, stored_in_two_ways(before.name)});
}

Status ParquetRows::check(const std::vector<std::string>& rows) {
  for (const std::string& one : rows) {
    if (one.empty()) continue;
    ASSIGN_OR_RETURN(const ParquetPiece piece, parse_parquet_piece(one));
    RETURN_IF_ERROR(learn(piece));
  }
  return {};
}

Result<std::shared_ptr<RowCheck>> ParquetRows::row_check() {
  return std::shared_ptr<RowCheck>(std::make_shared<SameTypes>(columns_));
}

Status ParquetRows::put(std::string_view bytes) {
  RETURN_IF_ERROR(file().append(bytes));
  length_ += static_cast<std::int64_t>(bytes.size());
  return {};
}

Status ParquetRows::begin_file() { return length_ == 0 ? put(kParquetMagic) : Status(); }

Result<Appended> ParquetRows::append(const std::vector<std::string>& rows, const std::vector<WorkId>&) {
  RETURN_IF_ERROR(check(rows));
  Appended added;
  for (const std::string& one : rows) {
    if (one.empty()) continue;
    ASSIGN_OR_RETURN(const ParquetPiece piece, parse_parquet_piece(one));
    pending_rows_ += piece.rows;
    pending_bytes_ += one.size();
    added.length += one.size();
    pending_.push_back(one);
    if (pending_bytes_ >= kGroupBytes || pending_rows_ >= kGroupRows) RETURN_IF_ERROR(write_group());
  }
  return added;
}

// ColumnChunk of a row group.
std::string ParquetRows::metadata_of(const ParquetLeaf& leaf, const Written& written) const {
  std::string encodings;
  for (const std::int64_t encoding : {0, 3}) ThriftStruct::append_integer(encodings, encoding);  // plain, RLE
  ThriftStruct data;
  data.i32(1, leaf.type);
  data.list(2, Type::kI32, 2, encodings);
  data.list(3, Type::kBinary, leaf.names, leaf.path);
  data.i32(4, leaf.codec);
  data.i64(5, written.values);
  data.i64(6, written.uncompressed);
  data.i64(7, written.compressed);
  data.i64(9, written.offset);
  ThriftStruct chunk;
  chunk.i64(2, written.offset);
  chunk.structure(3, std::move(data));
  return std::move(chunk).take();
}

Status ParquetRows::write_group() {
  if (pending_.empty()) return {};
  RETURN_IF_ERROR(begin_file());
  std::vector<ParquetPiece> pieces;
  for (const std::string& one : pending_) {
    ASSIGN_OR_RETURN(pieces.emplace_back(), parse_parquet_piece(one));
  }
  std::string chunks;
  std::size_t count = 0;
  std::int64_t uncompressed = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    for (std::size_t k = 0; k < decided_[i].leaves.size(); ++k) {
      const ParquetLeaf& leaf = decided_[i].leaves[k];
      Written written;
      written.offset = length_;
      for (const ParquetPiece& piece : pieces) {
        const auto place =
            static_cast<std::size_t>(find(piece.head.columns, columns_[i].name) - piece.head.columns.data());
        const bool same_type = piece.head.columns[place].type == columns_[i].type;
        if (!same_type && !piece.head.columns[place].valued) {
          ASSIGN_OR_RETURN(const ParquetNullPage page, parquet_null_page(leaf, piece.rows));
          RETURN_IF_ERROR(put(page.bytes));
          written.values += piece.rows;
          written.uncompressed += page.uncompressed;
          continue;
        }
        const ParquetPiece::Column& column = piece.columns[place];
        if (column.leaves.size() != decided_[i].leaves.size() ||
            (same_type && column.leaves[k].type != leaf.type) || column.leaves[k].codec != leaf.codec) {
          return Error{ErrorCode::kCorrupt, stored_in_two_ways(columns_[i].name)};
        }
        const ParquetChunk& chunk = column.chunks[k];
        RETURN_IF_ERROR(put(chunk.bytes));
        written.values += chunk.values;
        written.uncompressed += chunk.uncompressed;
      }
      written.compressed = length_ - written.offset;
      uncompressed += written.uncompressed;
      chunks += metadata_of(leaf, written);
      ++count;
    }
  }
  ThriftStruct group;
  group.list(1, Type::kStruct, count, chunks);
  group.i64(2, uncompressed);
  group.i64(3, pending_rows_);
  groups_ += std::move(group).take();
  ++group_count_;
  rows_ += pending_rows_;
  pending_.clear();
  pending_bytes_ = 0;
  pending_rows_ = 0;
  return {};
}

// What pandas needs beside Arrow's schema: dtypes such as Int64.
std::string ParquetRows::pandas_metadata() const {
  nlohmann::ordered_json columns = nlohmann::ordered_json::array();
  for (const ParquetColumn& column : columns_) {
    if (column.dtype.empty()) continue;
    columns.push_back({{"name", column.name},
                       {"field_name", column.name},
                       {"pandas_type", column.type},
                       {"numpy_type", column.dtype},
                       {"metadata", nullptr}});
  }
  if (columns.empty()) return {};
  const nlohmann::ordered_json pandas = {{"index_columns", nlohmann::ordered_json::array()},
                                         {"column_indexes", nlohmann::ordered_json::array()},
                                         {"columns", std::move(columns)},
                                         {"pandas_version", pandas_}};
  return pandas.dump();
}

// FileMetaData.
Result<std::string> ParquetRows::metadata() const {
  const auto pair = [](std::string_view key, std::string_view value) {
    ThriftStruct both;
    both.binary(1, key);
    both.binary(2, value);
    return std::move(both).take();
  };
  ThriftStruct root;
  root.binary(4, "schema");
  root.i32(5, static_cast<std::int64_t>(columns_.size()));
  std::string elements = std::move(root).take();
  std::size_t count = 1;
  std::vector<ArrowField> fields;
  for (const Column& column : decided_) {
    for (const std::string& element : column.elements) elements += element;
    count += column.elements.size();
    fields.push_back(column.arrow);
  }
  const std::string pandas = pandas_metadata();
  ASSIGN_OR_RETURN(const std::string arrow, compose_arrow_schema(schemas_, fields, pandas));
  std::string pairs = pair("ARROW:schema", base64(arrow));
  if (!pandas.empty()) pairs += pair("pandas", pandas);
  ThriftStruct file;
  file.i32(1, 2);  // version
  file.list(2, Type::kStruct, count, elements);
  file.i64(3, rows_);
  file.list(4, Type::kStruct, group_count_, groups_);
  file.list(5, Type::kStruct, pandas.empty() ? 1 : 2, pairs);
  file.binary(6, kCreator);
  return std::move(file).take();
}

Status ParquetRows::finish() {
  RETURN_IF_ERROR(begin_file());
  RETURN_IF_ERROR(write_group());
  ASSIGN_OR_RETURN(std::string bytes, metadata());
  wire::Writer(bytes).u32(static_cast<std::uint32_t>(bytes.size()));
  bytes += kParquetMagic;
  return put(bytes);
}

}  // namespace parallelrun
