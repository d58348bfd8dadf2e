// The first of many, as a sentence has them. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace parallelrun {

enum class Joined : std::uint8_t {
  kNames,    // "a, b and 3 more"
  kClauses,  // "a is new; b is gone; and 3 more"
};

// The first `most` of them, at least one, and how many there are more.
std::string first_of(const std::vector<std::string>& all, std::size_t most, Joined joined);

}  // namespace parallelrun
