// The 32 bytes of a SHA-256.
#pragma once

#include <string>

#include "common/hash/sha256.h"

namespace parallelrun {

// Call it once, last.
inline std::string raw_digest(Sha256& digest) {
  const std::string hex = digest.hex_digest();
  const auto half = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string raw;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    raw.push_back(static_cast<char>(half(hex[i]) * 16 + half(hex[i + 1])));
  return raw;
}

}  // namespace parallelrun
