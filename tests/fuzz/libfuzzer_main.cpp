// libFuzzer has the main function; the program holds one target.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const parallelrun::fuzz::Target target = parallelrun::fuzz::targets().begin()->second;
  target(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
