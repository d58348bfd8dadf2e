#include "runner/input/csv_format.h"

#include <algorithm>
#include <array>

#include "runner/thrift/parquet_magic.h"

namespace parallelrun {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

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

bool may_be_trail_byte(int byte) { return (byte >= '0' && byte <= '9') || (byte >= '@' && byte <= '~'); }

}  // namespace

CsvDialect dialect_of(const Input& input) {
  CsvDialect dialect = input.delimiter;
  const auto byte = [](std::optional<char> character) {
    return character ? static_cast<unsigned char>(*character) : CsvDialect::kNone;
  };
  dialect.quote = byte(input.quote);
  dialect.escape = byte(input.escape);
  dialect.comment = byte(input.comment);
  return dialect;
}

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

bool is_packed(std::string_view head) {
  using namespace std::string_view_literals;
  if (head.starts_with("BZh")) {  // which a header may begin with, too
    return head.size() >= kPackedHead && head[3] >= '1' && head[3] <= '9' &&
           (head.substr(4, 6) == "1AY&SY" || head.substr(4, 6) == "\x17\x72\x45\x38\x50\x90");
  }
  return head.starts_with("\x1f\x8b\x08") ||
         head.starts_with(
             "\xfd"
             "7zXZ\0"sv) ||
         head.starts_with("\x28\xb5\x2f\xfd") || head.starts_with("PK\x03\x04") ||
         head.starts_with("PK\x05\x06");
}

bool is_other_format(std::string_view head) {
  if (head.starts_with(kParquetMagic)) return true;
  const auto skip_white = [&head] {
    while (!head.empty() && std::string_view(" \t\r\n").find(head.front()) != std::string_view::npos)
      head.remove_prefix(1);
  };
  skip_white();
  if (head.starts_with('[')) head.remove_prefix(1);
  skip_white();
  if (!head.starts_with('{')) return false;
  head.remove_prefix(1);
  skip_white();
  return head.starts_with('"') || head.starts_with('}');
}

CsvLayout layout_of(const CsvFormat& format) {
  const std::string encoding = normalised_encoding(format.encoding);
  if (encoding.starts_with("utf16") || encoding == "u16" || encoding.starts_with("unicodebig") ||
      encoding.starts_with("unicodelittle")) {
    return CsvLayout::kUtf16;
  }
  if (encoding.starts_with("utf32") || encoding == "u32") return CsvLayout::kUtf32;
  if (starts_with_one_of(encoding, kOpaqueEncodings)) return CsvLayout::kOpaque;
  const CsvDialect& dialect = format.dialect;
  const bool special_trail_byte = may_be_trail_byte(dialect.delimiter) || may_be_trail_byte(dialect.quote) ||
                                  may_be_trail_byte(dialect.escape) || may_be_trail_byte(dialect.comment);
  if (special_trail_byte && starts_with_one_of(encoding, kAsciiTrailEncodings)) return CsvLayout::kOpaque;
  return CsvLayout::kBytes;
}

}  // namespace parallelrun
