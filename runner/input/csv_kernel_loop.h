// The loop of a CsvKernel over a `Block` that compares 64 bytes at once. Included by one source file for
// each instruction set, each compiled with its own flags; therefore everything here has internal linkage
// and uses no library code that could be shared between them.
//
// A Block is made from a pointer and has equal(byte) and at_most(byte), which give one bit for each byte.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runner/input/csv_kernel.h"
#include "runner/input/csv_state.h"

namespace parallelrun {
namespace {

// Bit k: the exclusive-or of bits 0..k; over quotes, whether byte k lies in a quoted field.
[[gnu::always_inline]] inline std::uint64_t prefix_xor(std::uint64_t bits) {
  for (unsigned shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

struct QuotedBytes {
  std::uint64_t mask;  // bytes that do not end a record because they are quoted
  csv::State after;
};

// The grammar byte by byte, for the rare block where counting quotes is not enough.
[[gnu::noinline]] QuotedBytes quoted_bytes(const unsigned char* block, unsigned char delimiter,
                                           unsigned char quote, csv::State state) {
  QuotedBytes result{0, state};
  for (unsigned i = 0; i < CsvKernel::kBlock; ++i) {
    if (result.after == csv::State::kQuoted) result.mask |= std::uint64_t{1} << i;
    result.after = csv::step(result.after, block[i], delimiter, quote);
  }
  return result;
}

template <typename Block>
[[gnu::always_inline]] inline void mark_blocks(const unsigned char* data, std::size_t blocks,
                                               unsigned char delimiter, unsigned char quote, CsvCarry& carry,
                                               std::uint64_t* ends_out, std::uint64_t* blanks_out) {
  std::uint64_t quoted = carry.quoted ? ~std::uint64_t{0} : 0;
  std::uint64_t field_start = carry.field_start ? 1 : 0;
  std::uint64_t blank = carry.blank ? 1 : 0;

  for (std::size_t b = 0; b < blocks; ++b, data += CsvKernel::kBlock) {
    const Block block(data);
    const std::uint64_t lf = block.equal('\n');
    const std::uint64_t cr = block.equal('\r');
    const std::uint64_t quotes = block.equal(quote);

    std::uint64_t ends = lf;
    if (cr != 0) {  // alone, a CR ends a record too
      const std::uint64_t lf_next = (lf >> 1) | (std::uint64_t{data[CsvKernel::kBlock] == '\n'} << 63);
      ends |= cr & ~lf_next;
    }

    if (quotes == 0) {
      ends &= ~quoted;
      const unsigned char last = data[CsvKernel::kBlock - 1];
      field_start = (quoted == 0) & ((last == delimiter) | (last == '\n') | (last == '\r'));
    } else {
      // Quotes alternate between opening and closing as long as each one that opens stands at the start of
      // a field or right behind one that closed (two in a row stand for one).
      const std::uint64_t inside = prefix_xor(quotes) ^ quoted;  // opening quote counted in, closing one not
      const std::uint64_t may_open = block.equal(delimiter) | lf | cr | quotes;
      const std::uint64_t opening = quotes & inside;
      if ((opening & ~((may_open << 1) | field_start)) == 0) {
        ends &= ~inside;
        quoted = (inside >> 63) != 0 ? ~std::uint64_t{0} : 0;
        field_start = (may_open >> 63) & ~quoted;
      } else {
        const csv::State state = quoted != 0        ? csv::State::kQuoted
                                 : field_start != 0 ? csv::State::kFieldStart
                                                    : csv::State::kUnquoted;
        const QuotedBytes exact = quoted_bytes(data, delimiter, quote, state);
        ends &= ~exact.mask;
        quoted = exact.after == csv::State::kQuoted ? ~std::uint64_t{0} : 0;
        field_start = exact.after == csv::State::kFieldStart ? 1 : 0;
      }
    }

    // A record is blank if nothing but white space lies between its start and its end. Only one that begins
    // with a byte up to ' ' can be.
    const std::uint64_t starts = (ends << 1) | blank;
    std::uint64_t blanks = 0;
    blank = ends >> 63;
    if ((starts & block.at_most(' ')) != 0) {
      std::uint64_t white = cr & ~ends;  // the CR of a CR LF
      if (delimiter != ' ') white |= block.equal(' ');
      if (delimiter != '\t') white |= block.equal('\t');
      // Adding a start to the white run that it begins carries it to the first byte behind the run.
      const std::uint64_t behind = (starts & white) + white;
      const bool run_goes_on = behind < white;
      const std::uint64_t first_other = (behind & ~white) | (starts & ~white);
      blanks = first_other & ends;
      if (run_goes_on) blank = 1;
    }
    ends_out[b] = ends;
    blanks_out[b] = blanks;
  }
  carry.quoted = quoted != 0;
  carry.field_start = field_start != 0;
  carry.blank = blank != 0;
}

[[gnu::always_inline]] inline void count_bits(const std::uint64_t* ends, const std::uint64_t* blanks,
                                              std::size_t blocks, std::uint64_t& rows,
                                              std::uint64_t& blank_rows) {
  std::uint64_t r = 0;
  std::uint64_t n = 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    r += static_cast<unsigned>(__builtin_popcountll(ends[b]));
    if (blanks[b] != 0) n += static_cast<unsigned>(__builtin_popcountll(blanks[b]));
  }
  rows += r;
  blank_rows += n;
}

}  // namespace
}  // namespace parallelrun
