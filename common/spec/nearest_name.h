// "did you mean": the known name that a misspelt one stands for.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace parallelrun {

// The known name nearest to `wrong` (insertions, deletions, replacements and swaps of neighbours; case
// counts little), or an empty string where none is near enough to be meant.
std::string nearest_name(std::string_view wrong, std::span<const std::string> known);

// "; did you mean 'X'?" or, without a near name, "; known: 'A', 'B'" (at most eight of them).
std::string did_you_mean(std::string_view wrong, std::span<const std::string> known);

}  // namespace parallelrun
