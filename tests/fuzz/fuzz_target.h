// A fuzz target: a function that takes any bytes and ends the process where a property does not hold. The
// same function runs under libFuzzer (libfuzzer_main.cpp) and over the stored corpus (replay_main.cpp).
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace parallelrun::fuzz {

using Target = void (*)(std::string_view bytes);

// Those that are linked into this program, by name.
std::map<std::string_view, Target>& targets();

struct Registration {
  Registration(std::string_view name, Target target) { targets().emplace(name, target); }
};

// Says on standard error which property is broken, with what was seen, and aborts.
[[noreturn]] void broken(const char* property, const char* file, int line, const std::string& seen);

// Asserts a property. `seen` (a string) is said where it does not hold.
inline void require(bool holds, const char* property, const char* file, int line,
                    const std::string& seen = "") {
  if (!holds) broken(property, file, line, seen);
}

}  // namespace parallelrun::fuzz

// Variadic, so that a condition may hold commas: HOLDS(a == b), HOLDS_ELSE(text, a == b).
#define HOLDS(...) ::parallelrun::fuzz::require((__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
#define HOLDS_ELSE(seen, ...) \
  ::parallelrun::fuzz::require((__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__, (seen))

// FUZZ_TARGET(glob) { ... uses `bytes` ... }
#define FUZZ_TARGET(name)                                                                       \
  static void fuzz_##name(std::string_view bytes);                                              \
  static const ::parallelrun::fuzz::Registration fuzz_registration_##name(#name, &fuzz_##name); \
  static void fuzz_##name(std::string_view bytes)
