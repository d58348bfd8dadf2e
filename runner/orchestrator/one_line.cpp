#include "runner/orchestrator/one_line.h"

#include "common/text/presentable.h"

namespace parallelrun::orchestrator {

std::string one_line(std::string_view text, std::size_t limit) {
  const std::string whole = without_credentials(text.substr(0, 16 * limit + 1024));
  std::string line;
  std::size_t characters = 0;
  for (std::size_t i = 0; i < whole.size();) {
    // Codes are longer than what they stand for.
    if (characters >= limit || line.size() >= 4 * limit) return line + "…";
    const Character one = character_at(whole, i);
    const char c = whole[i];
    if (c == '\n' || c == '\r' || c == '\t') {
      line += ' ';
    } else if (!one.valid || is_hidden(one.code)) {
      append_code(line, one.valid ? one.code : static_cast<unsigned char>(c));
    } else {
      line.append(whole, i, one.bytes);
    }
    i += one.bytes;
    ++characters;
  }
  return line;
}

}  // namespace parallelrun::orchestrator
