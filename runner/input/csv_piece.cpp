#include "runner/input/csv_piece.h"

#include <vector>

namespace parallelrun {
namespace {

using csv::Place;

struct Reading {
  RecordPiece piece;       // without records: nothing that could be checked
  bool irregular = false;  // quotes where RFC 4180 has none
};

// Empty: refuted.
std::optional<Reading> read_from(Place place, std::string_view bytes, const CsvDialect& dialect,
                                 std::size_t fields, bool at_file_end) {
  Reading reading;
  bool begun = false;
  bool blank = true;
  std::size_t fields_here = 1;
  const auto finish_record = [&](std::size_t end) {
    if (!begun) {
      begun = true;
      reading.piece.begin = end;
    } else if (!blank) {
      if (fields_here != fields) return false;
      ++reading.piece.records;
    }
    reading.piece.end = end;
    blank = true;
    fields_here = 1;
    return true;
  };

  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    const bool literal = csv::is_literal(place);
    const bool line_break = !literal && csv::is_break(byte);
    if (!line_break) blank = blank && csv::stays_blank(place, byte, dialect);
    if (csv::separates(place, byte, dialect)) ++fields_here;
    const Place after = csv::next(place, byte, dialect);
    const bool stray = byte == dialect.quote || place == Place::kBehindQuote;
    if (after == Place::kUnquoted && !literal && stray) reading.irregular = true;
    place = after;
    const bool first_half = byte == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n';
    // A CR as the very last byte may be half a CR LF: the record is left to the next piece.
    const bool may_be_half = byte == '\r' && i + 1 == bytes.size() && !at_file_end;
    if (line_break && !first_half && !may_be_half && !finish_record(i + 1)) return std::nullopt;
  }
  if (at_file_end) {
    if (csv::is_literal(place)) return std::nullopt;
    if (begun && !finish_record(bytes.size())) return std::nullopt;
  }
  return reading;
}

// Where the first byte of a piece may stand.
std::vector<Place> possible_places(const CsvDialect& dialect) {
  std::vector<Place> places = {Place::kFieldStart, Place::kUnquoted};
  if (dialect.quote != CsvDialect::kNone) places.push_back(Place::kQuoted);
  if (dialect.escape != CsvDialect::kNone) places.push_back(Place::kEscaped);
  if (dialect.escape != CsvDialect::kNone && dialect.quote != CsvDialect::kNone)
    places.push_back(Place::kQuotedEscaped);
  if (dialect.comment != CsvDialect::kNone) places.push_back(Place::kComment);
  return places;
}

bool has(std::string_view bytes, int special) {
  return special != CsvDialect::kNone && bytes.find(static_cast<char>(special)) != std::string_view::npos;
}

}  // namespace

std::size_t count_fields(std::string_view record, const CsvDialect& dialect) {
  std::size_t fields = 1;
  Place place = Place::kFieldStart;
  for (const char c : record) {
    const auto byte = static_cast<unsigned char>(c);
    if (csv::separates(place, byte, dialect)) ++fields;
    place = csv::next(place, byte, dialect);
  }
  return fields;
}

std::optional<RecordPiece> find_records(std::string_view bytes, const CsvDialect& dialect, std::size_t fields,
                                        bool at_file_end) {
  const bool has_quotes =
      has(bytes, dialect.quote) || has(bytes, dialect.escape) || has(bytes, dialect.comment);
  std::optional<Reading> found;
  bool disagree = false;
  for (const Place place : possible_places(dialect)) {
    const auto reading = read_from(place, bytes, dialect, fields, at_file_end);
    if (!reading) continue;
    if (reading->piece.records == 0) {
      if (has_quotes && !reading->irregular) return std::nullopt;
      continue;
    }
    // Where commas bear witness too, a reading without stray quotes is believed over one that needs them.
    const bool better = fields > 1 && found && found->irregular != reading->irregular;
    if (!found || (better && found->irregular)) {
      found = reading;
      disagree = false;
    } else if (!better && found->piece != reading->piece) {
      disagree = true;
    }
  }
  if (!found || disagree) return std::nullopt;
  return found->piece;
}

}  // namespace parallelrun
