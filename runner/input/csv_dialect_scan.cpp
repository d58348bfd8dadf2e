#include "runner/input/csv_dialect_scan.h"

namespace parallelrun {

void mark_records(const unsigned char* data, std::size_t blocks, const CsvDialect& dialect, CsvCarry& carry,
                  std::uint64_t* ends, std::uint64_t* blanks) {
  csv::Place place = carry.place;
  bool blank = carry.blank;
  for (std::size_t b = 0; b < blocks; ++b, data += CsvKernel::kBlock) {
    ends[b] = 0;
    blanks[b] = 0;
    for (unsigned i = 0; i < CsvKernel::kBlock; ++i) {
      const unsigned char byte = data[i];
      if (csv::is_break(byte) && !csv::is_literal(place)) {
        if (byte == '\r' && data[i + 1] == '\n') continue;  // the LF ends the record
        ends[b] |= std::uint64_t{1} << i;
        if (blank) blanks[b] |= std::uint64_t{1} << i;
        blank = true;
        place = csv::Place::kFieldStart;
        continue;
      }
      blank = blank && csv::stays_blank(place, byte, dialect);
      place = csv::next(place, byte, dialect);
    }
  }
  carry.place = place;
  carry.blank = blank;
  carry.quoted = place == csv::Place::kQuoted || place == csv::Place::kQuotedEscaped;
}

}  // namespace parallelrun
