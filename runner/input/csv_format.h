// How the bytes of a CSV file are to be read, as far as cutting it into records needs to know.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/spec/job_spec.h"
#include "runner/input/csv_dialect.h"

namespace parallelrun {

struct CsvFormat {
  CsvDialect dialect = {};         // ASCII characters, none of them a line break, no two of them equal
  std::string encoding = "utf-8";  // `encoding` of the input: a Python codec name
  bool header = true;              // `header` of the input: whether the first record names the columns
};

// That of an input of CSV files.
CsvDialect dialect_of(const Input& input);

enum class CsvLayout : std::uint8_t {
  kBytes,   // delimiter, quote and line breaks are single bytes that are part of no other character
  kUtf16,   // two-byte units: counted, but not split
  kUtf32,   // four-byte units: counted, but not split
  kOpaque,  // an encoding in which a byte says nothing by itself: neither counted nor split
};

// By the declared encoding.
CsvLayout layout_of(const CsvFormat& format);

// Whether a file is gzip, bzip2, xz, zstd or zip, by its first kPackedHead bytes; its name says nothing.
// The worker decides alike (runner/python/parallelrun_worker/packed.py).
inline constexpr std::size_t kPackedHead = 10;
bool is_packed(std::string_view head);

// Whether a file is Parquet or JSON, by its first kFormatHead bytes: no CSV, which its worker says
// (table_layout.py).
inline constexpr std::size_t kFormatHead = 256;
bool is_other_format(std::string_view head);

// "UTF_8-sig" -> "utf8sig": what Python's codec look-up takes for the same name.
std::string normalised_encoding(std::string_view name);

// Whether the codec is UTF-8, whose byte order mark is not part of the header.
bool is_utf8_encoding(std::string_view name);

}  // namespace parallelrun
