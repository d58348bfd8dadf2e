#include "common/spec/utf8.h"

namespace parallelrun {

std::size_t first_invalid_utf8(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  std::size_t i = 0;
  while (i < bytes.size()) {
    const unsigned char lead = at(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    std::size_t length = 0;
    unsigned char lowest = 0x80;
    unsigned char highest = 0xbf;  // of the second byte: this is where overlong forms and surrogates show
    if (lead >= 0xc2 && lead <= 0xdf) {
      length = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
      length = 3;
      if (lead == 0xe0) lowest = 0xa0;
      if (lead == 0xed) highest = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      length = 4;
      if (lead == 0xf0) lowest = 0x90;
      if (lead == 0xf4) highest = 0x8f;
    } else {
      return i;
    }
    if (bytes.size() - i < length || at(i + 1) < lowest || at(i + 1) > highest) return i;
    for (std::size_t k = 2; k < length; ++k) {
      if ((at(i + k) & 0xc0U) != 0x80U) return i;
    }
    i += length;
  }
  return std::string_view::npos;
}

std::string_view utf8_prefix(std::string_view bytes, std::size_t most_bytes) {
  if (bytes.size() <= most_bytes) return bytes;
  std::size_t end = most_bytes;
  while (end > 0 && (static_cast<unsigned char>(bytes[end]) & 0xc0U) == 0x80U) --end;
  return bytes.substr(0, end);
}

}  // namespace parallelrun
