#include "runner/orchestrator/one_line.h"

#include <iterator>

#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {

std::string one_line(std::string_view text, std::size_t limit) {
  std::string line;
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    const bool begins = (c & 0xC0U) != 0x80U;  // a character, in UTF-8
    // Bytes are bounded, too: what is not UTF-8 may never begin a character.
    if ((begins && characters >= limit) || line.size() >= 4 * limit) return line + "…";
    if (begins) ++characters;
    if (c == '\n' || c == '\r' || c == '\t') {
      line += ' ';
    } else if (c < 0x20 || c == 0x7F) {
      fmt::format_to(std::back_inserter(line), "\\x{:02x}", c);
    } else if (c == 0xC2 && next >= 0x80 && next < 0xA0) {
      fmt::format_to(std::back_inserter(line), "\\x{:02x}", next);
      ++i;
    } else {
      line += text[i];
    }
  }
  return line;
}

}  // namespace parallelrun::orchestrator
