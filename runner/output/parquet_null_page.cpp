#include "runner/output/parquet_null_page.h"

#include <utility>

#include "runner/thrift/compact_thrift_writer.h"
#include "runner/wire/wire.h"

namespace parallelrun {
namespace {

constexpr std::int64_t kPlain = 0;  // of Encoding
constexpr std::int64_t kRle = 3;
constexpr std::int64_t kUncompressed = 0;  // of CompressionCodec
constexpr std::int64_t kSnappy = 1;

// Levels that are all 0: one run of the hybrid of RLE and bit packing, whatever their bit width.
void append_levels(std::string& out, std::int64_t rows) {
  std::string run;
  ThriftStruct::append_varint(run, static_cast<std::uint64_t>(rows) << 1U);
  run += '\0';
  wire::Writer(out).bytes(run);
}

// Snappy's form of bytes that are not compressed; fewer than 60.
std::string in_snappy(const std::string& bytes) {
  std::string out;
  ThriftStruct::append_varint(out, bytes.size());
  out += static_cast<char>((bytes.size() - 1) << 2U);
  return out + bytes;
}

}  // namespace

Result<ParquetNullPage> parquet_null_page(const ParquetLeaf& leaf, std::int64_t rows) {
  if (leaf.codec != kUncompressed && leaf.codec != kSnappy)
    return Error{ErrorCode::kCorrupt, "a column of the rows is compressed in another way than snappy"};
  std::string levels;
  if (leaf.repeated) append_levels(levels, rows);
  append_levels(levels, rows);
  const std::string stored = leaf.codec == kSnappy ? in_snappy(levels) : levels;
  ThriftStruct data;
  data.i32(1, rows);
  data.i32(2, kPlain);
  data.i32(3, kRle);
  data.i32(4, kRle);
  ThriftStruct page;
  page.i32(1, 0);  // a data page
  page.i32(2, static_cast<std::int64_t>(levels.size()));
  page.i32(3, static_cast<std::int64_t>(stored.size()));
  page.structure(5, std::move(data));
  const std::string header = std::move(page).take();
  return ParquetNullPage{header + stored, static_cast<std::int64_t>(header.size() + levels.size())};
}

}  // namespace parallelrun
