// SipHash-2-4 (Aumasson and Bernstein): 64 bits that nobody without the key can tell beforehand, in some
// twenty nanoseconds.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace parallelrun {

struct SipKey {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

inline std::uint64_t siphash(const SipKey& key, std::string_view bytes) {
  std::uint64_t v0 = key.first ^ 0x736f6d6570736575U;
  std::uint64_t v1 = key.second ^ 0x646f72616e646f6dU;
  std::uint64_t v2 = key.first ^ 0x6c7967656e657261U;
  std::uint64_t v3 = key.second ^ 0x7465646279746573U;
  const auto round = [&] {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  };
  const auto absorb = [&](std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  };
  const auto little_endian = [&](std::size_t at, std::size_t count) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < count; ++i) {
      word |= std::uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
    }
    return word;
  };
  const std::size_t whole = bytes.size() / 8 * 8;
  for (std::size_t at = 0; at < whole; at += 8) absorb(little_endian(at, 8));
  absorb(little_endian(whole, bytes.size() - whole) | std::uint64_t{bytes.size() & 0xFFU} << 56U);
  v2 ^= 0xFFU;
  for (int i = 0; i < 4; ++i) round();
  return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace parallelrun
