// A number with its noun, as a sentence has it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace parallelrun {

// "1 item", "2 items"; "1 process", "3 processes"; "1 try", "2 tries". Nouns are English and regular.
std::string counted(std::uint64_t n, std::string_view noun);
// The noun alone, as in "{} of {} items": of the number that stands before it.
std::string noun_for(std::uint64_t n, std::string_view noun);

}  // namespace parallelrun
