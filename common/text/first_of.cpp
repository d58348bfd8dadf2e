#include "common/text/first_of.h"

#include <algorithm>
#include <string_view>

namespace parallelrun {

std::string first_of(const std::vector<std::string>& all, std::size_t most, Joined joined) {
  const std::string_view separator = joined == Joined::kNames ? ", " : "; ";
  const std::size_t named = std::min(all.size(), std::max<std::size_t>(most, 1));
  std::string text;
  for (std::size_t i = 0; i < named; ++i) {
    if (i > 0) text += separator;
    text += all[i];
  }
  if (all.size() > named) {
    text += joined == Joined::kNames ? " and " : "; and ";
    text += std::to_string(all.size() - named) + " more";
  }
  return text;
}

}  // namespace parallelrun
