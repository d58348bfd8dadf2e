// Text of users' scripts and files, made fit for a terminal and a summary. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace parallelrun {

inline constexpr std::size_t kLongestLine = 1000;  // characters

// presentable() but for line breaks and tabs, which become spaces. Of text beyond `limit` characters the
// middle is left out and marked with "[…]": the cause stands at the end of most messages.
std::string one_line(std::string_view text, std::size_t limit = kLongestLine);

}  // namespace parallelrun
