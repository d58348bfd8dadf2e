// A piece out of the middle of a regular file: its records are found as they are in the whole, or not at all.
#include "runner/input/csv_piece.h"

#include <algorithm>
#include <string>

#include "tests/fuzz/csv_reference.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

FUZZ_TARGET(csv_piece) {
  fuzz::Draw draw(bytes);
  const char delimiter = fuzz::delimiter_of(draw.u8());
  const std::size_t from = draw.u8();
  const std::size_t cut = draw.u8();
  const std::string_view file = draw.rest();
  const std::size_t begin = std::min(from, file.size());
  const std::size_t end = file.size() - std::min(cut, file.size() - begin);
  const std::string_view piece = file.substr(begin, end - begin);
  const fuzz::CsvReference reference = fuzz::read_csv(file, delimiter);
  const auto& records = reference.records;
  for (const auto& record : records) {
    HOLDS(count_fields(file.substr(record.begin, record.end - record.begin), delimiter) == record.fields);
  }

  const std::size_t fields = records.empty() ? 1 : records.front().fields;
  const auto found = find_records(piece, delimiter, fields, end == file.size());
  if (!found) return;
  HOLDS(found->begin <= found->end && found->end <= piece.size());
  HOLDS(found->records >= 1);
  const bool uniform = std::all_of(records.begin(), records.end(), [&](const auto& record) {
    return record.blank || record.fields == fields;
  });
  if (reference.irregular || reference.ended_in_quotes || !uniform) return;
  // Without a quote nothing in a piece tells that it lies inside of a quoted field.
  const std::string_view before = file.substr(0, begin);
  const bool in_quotes = std::count(before.begin(), before.end(), '"') % 2 != 0;
  if (in_quotes && piece.find('"') == std::string_view::npos) return;
  std::uint64_t inside = 0;
  bool begins = begin + found->begin == 0;
  bool ends = false;
  for (const auto& record : records) {
    begins = begins || record.end == begin + found->begin;
    ends = ends || record.end == begin + found->end;
    if (!record.blank && record.begin >= begin + found->begin && record.end <= begin + found->end) ++inside;
  }
  HOLDS(begins && ends && inside == found->records);
}

}  // namespace
}  // namespace parallelrun
