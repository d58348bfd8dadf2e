#include "common/text/counted.h"

namespace parallelrun {

std::string noun_for(std::uint64_t n, std::string_view noun) {
  std::string word(noun);
  if (n == 1 || word.empty()) return word;
  const auto ends_in = [&](std::string_view end) { return noun.ends_with(end); };
  if (ends_in("y") && !ends_in("ay") && !ends_in("ey") && !ends_in("oy")) {
    word.back() = 'i';
    return word + "es";
  }
  return word + (ends_in("s") || ends_in("ch") || ends_in("sh") || ends_in("x") ? "es" : "s");
}

std::string counted(std::uint64_t n, std::string_view noun) {
  return std::to_string(n) + " " + noun_for(n, noun);
}

}  // namespace parallelrun
