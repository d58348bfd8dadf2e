// What went wrong in a user's script, and the words for its phases, by which the worker process, the events
// and the files of the job know them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parallelrun {

// Where in the life of a mini-batch an error arose.
enum class ErrorPhase : std::uint8_t {
  kNone = 0,
  kLoad = 1,
  kInit = 2,
  kRead = 3,
  kRun = 4,
  kResult = 5,
  kShutdown = 6
};

struct ScriptError {
  ErrorPhase phase = ErrorPhase::kNone;
  std::string type;       // "ValueError", "SIGSEGV", "TimeoutExpired"
  std::string message;    // one paragraph
  std::string traceback;  // may be empty
};

// "load", "init", "read", "run", "result", "shutdown"; "" for kNone.
const char* to_string(ErrorPhase phase);
// Of such a word; nothing for any other, and for "".
std::optional<ErrorPhase> error_phase_of(std::string_view word);

}  // namespace parallelrun
