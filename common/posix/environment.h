// The environment of this process.
#pragma once

#include <cstdlib>
#include <string>

namespace parallelrun {

// Empty where the variable is not set.
inline std::string environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace parallelrun
