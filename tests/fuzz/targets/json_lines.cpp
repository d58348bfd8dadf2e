// The slices of a file of JSON lines: each the shortest run of whole lines that is long enough and not blank,
// joined they are the file; and the same from any slice on. A piece from anywhere holds whole lines of it.
#include "runner/input/json_lines.h"

#include <algorithm>
#include <string>
#include <vector>

#include "runner/input/csv_format.h"
#include "runner/input/line_scan.h"
#include "tests/fuzz/cut_slices.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/scratch_file.h"

namespace parallelrun {
namespace {

using fuzz::Piece;
using fuzz::pieces_of;
using fuzz::rest_of;

std::vector<Piece> expected(std::string_view file, std::uint64_t slice_bytes) {
  std::vector<Piece> pieces;
  std::size_t at = file.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  Piece open{at, 0, 1, 0};
  std::uint64_t rows = 0;
  while (at < file.size()) {
    const std::string_view line = file.substr(at, file.find('\n', at) - at);
    at = std::min(file.size(), at + line.size() + 1);
    ++rows;
    if (open.records == 0) open.first_row = rows;  // of the first line with something in it
    open.records += line.find_first_not_of(" \t\r") == std::string_view::npos ? 0 : 1;
    open.length = at - open.offset;
    if (open.length < slice_bytes || open.records == 0) continue;
    pieces.push_back(open);
    open = {at, 0, rows + 1, 0};
  }
  fuzz::close(pieces, open);
  return pieces;
}

FUZZ_TARGET(json_lines) {
  static fuzz::ScratchFile file(".jsonl");
  static const JsonLinesFormat format{Input{}};
  fuzz::Draw draw(bytes);
  const std::uint64_t slice_bytes = std::uint64_t{draw.u8()} + 1;
  const std::size_t from = draw.u8();
  const std::string_view content = draw.rest();
  file.write(content);

  const auto cutter = format.slices(slice_bytes);
  cutter->start(file.path());
  const std::vector<FileSlice> slices = rest_of(*cutter);
  const bool whole = slices.size() == 1 && slices[0].offset == 0 && slices[0].length == content.size();
  if (is_packed(content.substr(0, kFormatHead))) return HOLDS(whole && slices[0].records == 0);
  const std::vector<Piece> pieces = pieces_of(slices);
  const std::size_t first = content.find_first_not_of(" \t\r\n");
  const bool other = content.starts_with("PAR1") || content.starts_with("\xFF\xFE") ||
                     content.starts_with("\xFE\xFF") ||
                     (first < kFormatHead && first < content.size() && content[first] == '[');
  if (other) return HOLDS(whole && slices[0].records == 1);
  HOLDS(pieces == expected(content, slice_bytes));
  for (std::size_t i = 0; i < slices.size() && i < 8; ++i) {
    cutter->resume_after(slices[i]);
    const auto behind = pieces.begin() + static_cast<std::ptrdiff_t>(i) + 1;
    HOLDS(pieces_of(rest_of(*cutter)) == std::vector<Piece>(behind, pieces.end()));
  }

  const std::string_view piece = content.substr(std::min(from, content.size()));
  const auto found = format.records_in(piece, {}, true);
  if (!found) return;
  HOLDS(found->begin > 0 && piece[found->begin - 1] == '\n' && found->end == piece.size());
  HOLDS(found->records == count_lines(piece.substr(found->begin)) && found->records > 0);
}

}  // namespace
}  // namespace parallelrun
