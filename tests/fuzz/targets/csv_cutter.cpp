// The slices of a file: each the shortest run of whole records that is long enough, counted as the reference
// machine counts them, joined they are the file; and the same from any slice on.
#include "runner/input/csv_cutter.h"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/fuzz/csv_reference.h"
#include "tests/fuzz/cut_slices.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/scratch_file.h"

namespace parallelrun {
namespace {

using fuzz::Piece;
using fuzz::pieces_of;
using fuzz::rest_of;

// What the header of csv_cutter.h promises, of bytes that are no wide encoding.
std::vector<Piece> expected(std::string_view file, char delimiter, std::uint64_t slice_bytes,
                            std::string& header) {
  const std::size_t mark = file.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  const fuzz::CsvReference reference = fuzz::read_csv(file.substr(mark), delimiter);
  const auto& records = reference.records;
  const auto first =
      std::find_if(records.begin(), records.end(), [](const auto& record) { return !record.blank; });
  if (first == records.end()) return {};
  if (first + 1 == records.end()) {
    if (!reference.ended_in_quotes) return {};
    return {{0, file.size(), 1, 1}};  // a header with a quote that never closes
  }
  header = file.substr(mark + first->begin, first->end - first->begin);
  std::vector<Piece> pieces;
  Piece open{mark + first->end, 0, 1, 0};
  std::uint64_t rows = 0;
  for (auto record = first + 1; record != records.end(); ++record) {
    ++rows;
    if (open.records == 0) open.first_row = rows;  // of the first record that is not blank
    open.records += record->blank ? 0 : 1;
    open.length = mark + record->end - open.offset;
    if (open.length < slice_bytes || open.records == 0) continue;
    pieces.push_back(open);
    open = {mark + record->end, 0, rows + 1, 0};
  }
  fuzz::close(pieces, open);
  return pieces;
}

FUZZ_TARGET(csv_cutter) {
  static fuzz::ScratchFile file(".csv");
  fuzz::Draw draw(bytes);
  CsvCutter::Options options;
  const char delimiter = fuzz::delimiter_of(draw.u8());
  options.format.dialect = delimiter;
  options.slice_bytes = draw.u8() + 1;
  const std::uint8_t encoding = draw.u8();
  const bool wide = encoding % 8 == 7;
  if (wide) options.format.encoding = (encoding & 8U) != 0 ? "utf-16" : "utf-32-be";
  const std::string_view content = draw.rest();
  file.write(content);

  CsvCutter cutter(options);
  cutter.start(file.path());
  const std::vector<FileSlice> slices = rest_of(cutter);
  const std::string_view head = content.substr(0, kFormatHead);
  if (is_packed(head) || is_other_format(head)) {
    HOLDS(slices.size() == 1 && slices[0].offset == 0 && slices[0].length == content.size());
    HOLDS(slices[0].header.empty() && slices[0].records == (is_packed(head) ? 0 : 1));
    return;
  }
  if (wide) {
    HOLDS(slices.size() <= 1);
    if (!slices.empty()) {
      HOLDS(slices[0].offset == 0 && slices[0].length == content.size() && slices[0].header.empty());
      HOLDS(slices[0].records > 0 && slices[0].records <= content.size());
    }
    return;
  }
  std::string header;
  HOLDS(pieces_of(slices) == expected(content, delimiter, options.slice_bytes, header));
  for (std::size_t i = 0; i < slices.size(); ++i) {
    HOLDS(slices[i].header == header);
    HOLDS(slices[i].file_size == content.size());
    HOLDS(slices[i].offset + slices[i].length ==
          (i + 1 < slices.size() ? slices[i + 1].offset : content.size()));
    if (i >= 8) continue;  // the others are alike
    cutter.resume_after(slices[i]);
    const std::vector<Piece> resumed = pieces_of(rest_of(cutter));
    const std::vector<Piece> all = pieces_of(slices);
    HOLDS(resumed == std::vector<Piece>(all.begin() + static_cast<std::ptrdiff_t>(i) + 1, all.end()));
  }
}

}  // namespace
}  // namespace parallelrun
