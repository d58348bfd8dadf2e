#include "runner/input/parquet_footer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "common/result/try.h"
#include "runner/input/parquet_walk.h"
#include "runner/input/slice_hash.h"
#include "runner/thrift/parquet_magic.h"

namespace parallelrun {
namespace {

using Type = CompactThrift::Type;
using Field = CompactThrift::Field;

constexpr std::string_view kEncryptedMagic = "PARE";
constexpr std::uint64_t kTail = 8;  // u32 size of the metadata (little endian) | magic

Error broken(const char* what) { return Error{ErrorCode::kCorrupt, what, false}; }

// The elements of a schema are a tree in the order of a depth-first walk; the first is the root.
class SchemaWalk {
 public:
  void take(CompactThrift& in, std::vector<std::string>& columns) {
    const auto [name, children] = take_schema_element(in);
    if (children < 0) sound_ = false;
    if (!root_taken_) {
      root_taken_ = true;
      open_.push_back(children);
      return;
    }
    while (!open_.empty() && open_.back() == 0) open_.pop_back();
    if (open_.empty() || !sound_ || columns.size() >= kMostColumns) {
      sound_ = false;
      return;
    }
    --open_.back();
    if (open_.size() == 1) columns.emplace_back(name);
    if (children > 0) open_.push_back(children);
  }

  bool whole() {
    while (!open_.empty() && open_.back() == 0) open_.pop_back();
    return root_taken_ && sound_ && open_.empty();
  }

 private:
  std::vector<std::int64_t> open_;  // children that are still to come, from the root on
  bool root_taken_ = false;
  bool sound_ = true;
};

// RowGroup: 2 total_byte_size, 3 num_rows. False: it cannot be.
bool take_row_group(CompactThrift& in, ParquetFooter& footer) {
  std::int64_t bytes = 0;
  std::int64_t rows = -1;
  for_each_field(in, [&](const Field& field) {
    if (field.id == 2 && is_thrift_integer(field.type)) {
      bytes = in.integer();
    } else if (field.id == 3 && is_thrift_integer(field.type)) {
      rows = in.integer();
    } else {
      return false;
    }
    return true;
  });
  if (rows < 0 || footer.groups.size() >= kMostRowGroups) return false;
  const auto more = static_cast<std::uint64_t>(rows);
  if (more > std::uint64_t{std::numeric_limits<std::int64_t>::max()} - footer.rows) return false;
  footer.rows += more;
  if (rows > 0) footer.groups.push_back({more, bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0});
  return true;
}

}  // namespace

// FileMetaData: 2 schema, 3 num_rows, 4 row_groups.
Result<ParquetFooter> parse_parquet_metadata(std::string_view thrift) {
  CompactThrift in(thrift);
  ParquetFooter footer;
  SchemaWalk schema;
  bool sound = true;
  std::int64_t rows = -1;
  for_each_field(in, [&](const Field& field) {
    if (field.id == 2 && field.type == Type::kList) {
      sound = for_each_struct(in, [&] { schema.take(in, footer.column_names); }) && sound;
    } else if (field.id == 3 && is_thrift_integer(field.type)) {
      rows = in.integer();
    } else if (field.id == 4 && field.type == Type::kList) {
      sound = for_each_struct(in, [&] { sound = take_row_group(in, footer) && sound; }) && sound;
    } else {
      return false;
    }
    return sound;
  });
  if (!in.ok() || !sound || !schema.whole()) return broken("its metadata does not decode");
  if (rows < 0 || static_cast<std::uint64_t>(rows) != footer.rows)
    return broken("its row groups do not have as many rows as the file");
  return footer;
}

Result<ParquetFooter> read_parquet_footer(TableFile& file, const std::vector<std::string>* placed) {
  const std::uint64_t size = file.size();
  if (size < kParquetMagic.size() + kTail) return broken("it is too short");
  ASSIGN_OR_RETURN(const std::string head, read_exactly(file, 0, kParquetMagic.size()));
  if (head == kEncryptedMagic) return broken("it is encrypted");
  if (head != kParquetMagic) return broken("it does not begin like one");
  ASSIGN_OR_RETURN(const std::string tail, read_exactly(file, size - kTail, size));
  if (tail.substr(4) != kParquetMagic) return broken("it does not end like one");
  std::uint64_t length = 0;
  for (std::size_t i = 4; i > 0; --i) length = length << 8U | static_cast<std::uint8_t>(tail[i - 1]);
  if (length > kLargestFooter) return broken("its footer is larger than 256 MiB");
  if (length > size - kTail - kParquetMagic.size()) return broken("its footer would begin before the file");
  const std::uint64_t begin = size - kTail - length;
  ASSIGN_OR_RETURN(const std::string bytes, read_exactly(file, begin, size));
  const std::string_view metadata = std::string_view(bytes).substr(0, static_cast<std::size_t>(length));
  ASSIGN_OR_RETURN(ParquetFooter footer, parse_parquet_metadata(metadata));
  if (placed != nullptr) footer.chunks = parquet_chunks(metadata, *placed);
  footer.begin = begin;
  footer.hash = slice_hash(bytes);
  return footer;
}

}  // namespace parallelrun
