// The words for the phases of errors, by which the worker process, the events and the files of the job know
// them.
#pragma once

#include <optional>
#include <string_view>

#include "runner/protocol/messages.h"

namespace parallelrun {

// "load", "init", "read", "run", "result", "shutdown"; "" for kNone.
const char* to_string(ErrorPhase phase);
// Of such a word; nothing for any other, and for "".
std::optional<ErrorPhase> error_phase_of(std::string_view word);

}  // namespace parallelrun
