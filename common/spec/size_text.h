// Sizes as Kubernetes writes them: "512Mi", "2G", "1024". Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace parallelrun {

// In bytes; nullopt: not a whole number above 0 of at most 15 digits with one of the units k, M, G, T, P, E
// (powers of 1000) and Ki ... Ei (powers of 1024). What 64 bits do not hold is the largest number.
std::optional<std::uint64_t> bytes_of_size(std::string_view text);

}  // namespace parallelrun
