#include "tests/fuzz/fuzz_target.h"

#include <cstdio>
#include <cstdlib>

namespace parallelrun::fuzz {

std::map<std::string_view, Target>& targets() {
  static std::map<std::string_view, Target> all;
  return all;
}

void broken(const char* property, const char* file, int line, const std::string& seen) {
  std::fprintf(stderr, "%s:%d: does not hold: %s\n%s%s", file, line, property, seen.c_str(),
               seen.empty() ? "" : "\n");
  std::abort();
}

}  // namespace parallelrun::fuzz
