// Rows of Parquet as an agent sends them: whatever they are, they are refused, or the file that is composed
// of them has metadata that a reader decodes, with all their rows.
#include "runner/output/parquet_rows.h"

#include <string>
#include <vector>

#include "runner/input/parquet_footer.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/unit/output/memory_storage.h"

namespace parallelrun {
namespace {

FUZZ_TARGET(parquet_rows) {
  const std::string rows(bytes);
  const Result<ParquetPiece> piece = parse_parquet_piece(rows);
  MemoryStorage storage;
  ParquetRows file(storage.open("rows").value());
  const Result<Appended> added = file.append({rows, rows}, {});
  if (!piece) return HOLDS(rows.empty() || !added);
  HOLDS(piece->columns.size() == piece->head.columns.size());
  for (const ParquetPiece::Column& column : piece->columns) {
    HOLDS(column.leaves.size() == column.chunks.size() && !column.leaves.empty());
    for (const ParquetChunk& chunk : column.chunks) HOLDS(chunk.bytes.size() <= rows.size());
  }
  const bool whole = added && file.finish();
  if (!whole) return;
  const std::string& content = storage.at("rows");
  constexpr std::size_t kTail = 8;
  HOLDS(content.starts_with("PAR1") && content.ends_with("PAR1") && content.size() > kTail);
  std::size_t length = 0;
  for (std::size_t i = 0; i < 4; ++i)
    length |= static_cast<std::size_t>(static_cast<unsigned char>(content[content.size() - kTail + i]))
              << (8 * i);
  HOLDS(length < content.size());
  const auto metadata =
      parse_parquet_metadata(std::string_view(content).substr(content.size() - kTail - length, length));
  HOLDS(metadata && metadata->rows == 2 * static_cast<std::uint64_t>(piece->rows));
}

}  // namespace
}  // namespace parallelrun
