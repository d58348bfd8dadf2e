// XXH3, with which everything that is committed is found again as it was written.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace parallelrun {

// XXH3 of `bytes`.
std::uint64_t checksum(std::string_view bytes, std::uint64_t seed = 0);

// The same of bytes that come in pieces.
class RunningChecksum {
 public:
  RunningChecksum();
  void update(std::string_view bytes);
  std::uint64_t value() const;

 private:
  struct Free {
    void operator()(void* state) const;
  };
  std::unique_ptr<void, Free> state_;
};

}  // namespace parallelrun
