// Lines of logs/sys/node/<ip>/<process>.txt, as runner/agent/node_log.cpp writes them. A job may have very
// many, so they are read without a copy. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace parallelrun::web {

struct ProcessLine {
  enum class Kind { kPickedUp, kDone };
  Kind kind = Kind::kDone;
  std::string_view mini_batch;  // "7", or a part of one: "7.2"
  std::string_view outcome;     // of kDone: "succeeded", "timed out"
  double started = 0;           // since 1970, seconds
  double duration = 0;          // of kDone: reading, run, writing
  double run = 0;               // of kDone
  std::uint64_t items = 0;
};

// Nothing: another line, or one that is not whole.
std::optional<ProcessLine> process_line(std::string_view line);

}  // namespace parallelrun::web
