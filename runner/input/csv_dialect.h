// What separates, quotes, escapes and comments in a CSV file, and the grammar that follows from it: that of
// pandas' C parser, one byte at a time. csv_state.h has the part of it that the fast kernels know.
#pragma once

#include <cstdint>

namespace parallelrun {

struct CsvDialect {
  static constexpr int kNone = -1;

  // NOLINTNEXTLINE(google-explicit-constructor): a delimiter alone is the usual dialect
  constexpr CsvDialect(char separator = ',') : delimiter(static_cast<unsigned char>(separator)) {}

  // Whether the fast kernels can mark its records.
  bool is_simple() const { return quote != kNone && escape == kNone && comment == kNone; }
  bool operator==(const CsvDialect&) const = default;

  unsigned char delimiter;
  int quote = '"';  // a byte, or kNone
  int escape = kNone;
  int comment = kNone;
};

namespace csv {

// Where a byte stands.
enum class Place : std::uint8_t {
  kFieldStart,     // first of a field
  kUnquoted,       // a quote is literal here
  kQuoted,         //
  kBehindQuote,    // behind a closing quote: another one is literal, and the field goes on quoted
  kEscaped,        // literal, whatever it is
  kQuotedEscaped,  // the same in a quoted field
  kComment,        // up to the end of the line
};

// Whether a delimiter or a line break here is part of the field.
inline bool is_literal(Place place) {
  return place == Place::kQuoted || place == Place::kEscaped || place == Place::kQuotedEscaped;
}

// Whether `byte` there ends a field, and not its record.
inline bool separates(Place place, unsigned char byte, const CsvDialect& dialect) {
  return byte == dialect.delimiter && !is_literal(place) && place != Place::kComment;
}

inline bool is_break(unsigned char byte) { return byte == '\n' || byte == '\r'; }

// The place of the byte behind `byte`.
inline Place next(Place place, unsigned char byte, const CsvDialect& dialect) {
  switch (place) {
    case Place::kEscaped:
      return Place::kUnquoted;
    case Place::kQuotedEscaped:
      return Place::kQuoted;
    case Place::kQuoted:
      if (byte == dialect.escape) return Place::kQuotedEscaped;
      return byte == dialect.quote ? Place::kBehindQuote : Place::kQuoted;
    case Place::kComment:
      return is_break(byte) ? Place::kFieldStart : Place::kComment;
    case Place::kBehindQuote:
      if (byte == dialect.delimiter || is_break(byte)) return Place::kFieldStart;
      return byte == dialect.quote ? Place::kQuoted : Place::kUnquoted;
    case Place::kFieldStart:
    case Place::kUnquoted:
      break;
  }
  if (byte == dialect.delimiter || is_break(byte)) return Place::kFieldStart;
  if (byte == dialect.quote && place == Place::kFieldStart) return Place::kQuoted;
  if (byte == dialect.escape) return Place::kEscaped;
  return byte == dialect.comment ? Place::kComment : Place::kUnquoted;
}

// Whether a record that has had nothing but white space so far still has no more than that behind `byte`. A
// line that begins with a comment is blank, too.
inline bool stays_blank(Place place, unsigned char byte, const CsvDialect& dialect) {
  if (place == Place::kComment) return true;
  if (place == Place::kFieldStart && byte == dialect.comment) return true;
  return !is_literal(place) && (byte == ' ' || byte == '\t') && byte != dialect.delimiter;
}

}  // namespace csv
}  // namespace parallelrun
