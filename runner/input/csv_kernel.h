// Marks the ends of the records in 64-byte blocks: the inner loop of the boundary scan, once for each
// instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace parallelrun {

namespace csv {
enum class Place : std::uint8_t;
}

// What one block leaves to the next. The values below are those at the beginning of a record.
struct CsvCarry {
  bool quoted = false;      // in a quoted field
  bool field_start = true;  // not quoted, and a quote would begin (or go on with) a quoted field
  bool blank = true;        // the record has had nothing but white space so far
  csv::Place place{};       // the same more exactly, for mark_records (csv_dialect_scan.h)
};

struct CsvKernel {
  static constexpr std::size_t kBlock = 64;

  const char* name;

  // For block i, sets bit k of `ends[i]` where byte k is the last of a record, and of `blanks[i]` where that
  // record is blank. Reads one byte behind the last block, to tell CR from CR LF.
  void (*mark)(const unsigned char* data, std::size_t blocks, unsigned char delimiter, unsigned char quote,
               CsvCarry& carry, std::uint64_t* ends, std::uint64_t* blanks);

  // Adds the counts of set bits to `rows` and `blank_rows`.
  void (*count)(const std::uint64_t* ends, const std::uint64_t* blanks, std::size_t blocks,
                std::uint64_t& rows, std::uint64_t& blank_rows);
};

// The kernels that run on this processor, the fastest first. Never empty.
std::span<const CsvKernel* const> csv_kernels();

}  // namespace parallelrun
