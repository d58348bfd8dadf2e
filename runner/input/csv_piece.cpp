#include "runner/input/csv_piece.h"

#include "runner/input/csv_state.h"

namespace parallelrun {
namespace {

struct Reading {
  RecordPiece piece;       // without records: nothing that could be checked
  bool irregular = false;  // quotes where RFC 4180 has none
};

// Empty: refuted.
std::optional<Reading> read_from(csv::State state, std::string_view bytes, unsigned char delimiter,
                                 std::size_t fields, bool at_file_end) {
  Reading reading;
  bool begun = false;
  bool blank = true;
  bool behind_closing_quote = false;
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
    const bool quoted = state == csv::State::kQuoted;
    const bool line_break = !quoted && (byte == '\n' || byte == '\r');
    if (!line_break) blank = blank && !quoted && csv::is_white(byte, delimiter);
    if (byte == delimiter && !quoted) ++fields_here;
    const csv::State after = csv::step(state, byte, delimiter);
    if (after == csv::State::kUnquoted && (byte == '"' || behind_closing_quote)) reading.irregular = true;
    behind_closing_quote = quoted && byte == '"';
    state = after;
    const bool first_half = byte == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n';
    // A CR as the very last byte may be half a CR LF: the record is left to the next piece.
    const bool may_be_half = byte == '\r' && i + 1 == bytes.size() && !at_file_end;
    if (line_break && !first_half && !may_be_half && !finish_record(i + 1)) return std::nullopt;
  }
  if (at_file_end) {
    if (state == csv::State::kQuoted) return std::nullopt;
    if (begun && !finish_record(bytes.size())) return std::nullopt;
  }
  return reading;
}

}  // namespace

std::size_t count_fields(std::string_view record, char delimiter) {
  std::size_t fields = 1;
  csv::State state = csv::State::kFieldStart;
  for (const char c : record) {
    if (c == delimiter && state != csv::State::kQuoted) ++fields;
    state = csv::step(state, static_cast<unsigned char>(c), static_cast<unsigned char>(delimiter));
  }
  return fields;
}

std::optional<RecordPiece> find_records(std::string_view bytes, char delimiter, std::size_t fields,
                                        bool at_file_end) {
  const bool has_quotes = bytes.find('"') != std::string_view::npos;
  std::optional<Reading> found;
  bool disagree = false;
  for (const csv::State state : {csv::State::kFieldStart, csv::State::kUnquoted, csv::State::kQuoted}) {
    const auto reading = read_from(state, bytes, static_cast<unsigned char>(delimiter), fields, at_file_end);
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
