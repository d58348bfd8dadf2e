#include "runner/input/csv_header.h"

#include <algorithm>

#include "runner/input/csv_dialect.h"

namespace parallelrun {

std::string_view without_line_break(std::string_view header) {
  while (header.ends_with('\n') || header.ends_with('\r')) header.remove_suffix(1);
  return header;
}

std::vector<std::string> header_fields(std::string_view header, const CsvDialect& dialect) {
  using csv::Place;
  header = without_line_break(header);
  std::vector<std::string> fields(1);
  Place place = Place::kFieldStart;
  for (const char c : header) {
    const auto byte = static_cast<unsigned char>(c);
    const Place after = csv::next(place, byte, dialect);
    const bool escape = after == Place::kEscaped || after == Place::kQuotedEscaped;
    const bool opens = place == Place::kFieldStart && after == Place::kQuoted;
    const bool closes = place == Place::kQuoted && after == Place::kBehindQuote;
    if (csv::separates(place, byte, dialect)) {
      fields.emplace_back();
    } else if (!escape && !opens && !closes && after != Place::kComment) {
      fields.back().push_back(c);
    }
    place = after;
  }
  return fields;
}

HeaderMatch compare_headers(std::string_view first, std::string_view other, const CsvDialect& dialect) {
  if (without_line_break(first) == without_line_break(other)) return HeaderMatch::kSame;
  std::vector<std::string> a = header_fields(first, dialect);
  std::vector<std::string> b = header_fields(other, dialect);
  if (a == b) return HeaderMatch::kSame;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b ? HeaderMatch::kOtherOrder : HeaderMatch::kOtherColumns;
}

}  // namespace parallelrun
