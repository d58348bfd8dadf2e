// How the bytes of a CSV file are to be read, as far as cutting it into records needs to know.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace parallelrun {

struct CsvFormat {
  char delimiter = ',';            // `delimiter` of the input: one ASCII character, no quote or line break
  std::string encoding = "utf-8";  // `encoding` of the input: a Python codec name
};

enum class CsvLayout : std::uint8_t {
  kBytes,   // delimiter, quote and line breaks are single bytes that are part of no other character
  kUtf16,   // two-byte units: counted, but not split
  kUtf32,   // four-byte units: counted, but not split
  kOpaque,  // compressed, or an encoding in which a byte says nothing by itself: neither counted nor split
};

// By the declared encoding and the ending of the file's name (.gz, .bz2, .xz, .zst, .zip: compressed).
CsvLayout layout_of(std::string_view path, const CsvFormat& format);

// "UTF_8-sig" -> "utf8sig": what Python's codec look-up takes for the same name.
std::string normalised_encoding(std::string_view name);

// Whether the codec is UTF-8, whose byte order mark is not part of the header.
bool is_utf8_encoding(std::string_view name);

}  // namespace parallelrun
