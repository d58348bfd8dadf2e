// The grammar of CSV as RFC 4180 has it and as Python's csv module and pandas read what goes beyond it, one
// byte at a time: a quote opens a quoted field only as its first byte, two quotes in one stand for a quote,
// what follows a closing quote is literal, a quote inside an unquoted field is literal, and a line ends at
// LF, CR LF or CR.
#pragma once

#include <cstdint>

namespace parallelrun::csv {

enum class State : std::uint8_t {
  kFieldStart,  // at the first byte of a field, or behind a closing quote: both read a quote as "quoted now"
  kUnquoted,    // a quote is literal here
  kQuoted,
};

// Inlined everywhere, so that no translation unit leaves a copy made for its own instruction set.
[[gnu::always_inline]] inline State step(State state, unsigned char byte, unsigned char delimiter,
                                         unsigned char quote) {
  if (state == State::kQuoted) return byte == quote ? State::kFieldStart : State::kQuoted;
  if (byte == delimiter || byte == '\n' || byte == '\r') return State::kFieldStart;
  return byte == quote && state == State::kFieldStart ? State::kQuoted : State::kUnquoted;
}

}  // namespace parallelrun::csv
