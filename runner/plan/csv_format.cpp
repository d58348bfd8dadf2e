#include "runner/plan/csv_format.h"

#include <algorithm>
#include <array>

namespace parallelrun {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool ends_with_any_case(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         std::equal(suffix.begin(), suffix.end(), text.end() - static_cast<std::ptrdiff_t>(suffix.size()),
                    [](char a, char b) { return a == lower(b); });
}

template <std::size_t N>
bool starts_with_one_of(std::string_view name, const std::array<std::string_view, N>& starts) {
  return std::any_of(starts.begin(), starts.end(),
                     [&](std::string_view start) { return name.starts_with(start); });
}

// Encodings whose line feed, quote or comma is another byte, or may be part of another character.
constexpr std::array<std::string_view, 15> kOpaqueEncodings = {
    "iso2022", "csiso2022", "hz",    "utf7",  "u7",    "cp037", "037",   "cp1026",
    "cp1140",  "cp273",     "cp424", "cp500", "cp864", "cp875", "ebcdic"};
// Encodings in which a byte below 128 may be the second of a character: 0x30..0x39 and 0x40..0x7E.
constexpr std::array<std::string_view, 16> kAsciiTrailEncodings = {
    "gb18030",  "gbk",       "cp936", "936",   "ms936", "big5",    "cp950", "950",
    "shiftjis", "shiftjisx", "sjis",  "cp932", "932",   "mskanji", "johab", "cp949"};

}  // namespace

std::string normalised_encoding(std::string_view name) {
  std::string normalised;
  for (const char c : name) {
    if (c != '-' && c != '_' && c != ' ' && c != '.') normalised.push_back(lower(c));
  }
  return normalised;
}

bool is_utf8_encoding(std::string_view name) {
  const std::string encoding = normalised_encoding(name);
  return encoding == "utf8" || encoding == "utf8sig" || encoding == "u8" || encoding == "utf" ||
         encoding == "cp65001";
}

CsvLayout layout_of(std::string_view path, const CsvFormat& format) {
  for (const std::string_view ending : {".gz", ".bz2", ".xz", ".zst", ".zip"}) {
    if (ends_with_any_case(path, ending)) return CsvLayout::kOpaque;
  }
  const std::string encoding = normalised_encoding(format.encoding);
  if (encoding.starts_with("utf16") || encoding == "u16" || encoding.starts_with("unicodebig") ||
      encoding.starts_with("unicodelittle")) {
    return CsvLayout::kUtf16;
  }
  if (encoding.starts_with("utf32") || encoding == "u32") return CsvLayout::kUtf32;
  if (starts_with_one_of(encoding, kOpaqueEncodings)) return CsvLayout::kOpaque;
  const bool may_be_trail_byte = (format.delimiter >= '0' && format.delimiter <= '9') ||
                                 (format.delimiter >= '@' && format.delimiter <= '~');
  if (may_be_trail_byte && starts_with_one_of(encoding, kAsciiTrailEncodings)) return CsvLayout::kOpaque;
  return CsvLayout::kBytes;
}

}  // namespace parallelrun
