// Errors of the script, alike ones grouped: what user/error.txt says, and which file below user/error/ gets a
// traceback. Pure, bounded in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/json/json.h"
#include "runner/protocol/messages.h"

namespace parallelrun::orchestrator {

class ErrorSummary {
 public:
  struct Limits {
    std::size_t groups = 200;                    // unlike errors; further ones are counted together
    std::size_t tracebacks = 20;                 // for each group
    std::uint64_t traceback_bytes = 32U << 20U;  // for all of them
  };

  ErrorSummary() : ErrorSummary(Limits{}) {}
  explicit ErrorSummary(Limits limits) : limits_(limits) {}

  struct Occurrence {
    std::string time;      // "2024-01-31T12:00:00Z"
    std::string where;     // "agent000 process001 pid 42"
    std::string what_for;  // "mini-batch 7, try 2 of 3"; empty outside a mini-batch and for a shortfall
  };
  // What to append below user/error/, as long as limits allow.
  struct Traceback {
    std::string path;  // relative to logs/
    std::string text;
  };
  std::optional<Traceback> add(const ScriptError& error, const Occurrence& occurrence);

  // The content of user/error.txt. The most frequent first.
  std::string text() const;
  // The same for programs: {"errors": [{"count", "phase", "type", "message", "first", "where", "what",
  // "last", "tracebacks": "user/error/..."}], "others": 0}
  nlohmann::json json() const;
  bool empty() const { return total_ == 0; }

 private:
  // Positions in groups_, the most frequent first.
  std::vector<std::size_t> by_frequency() const;

  struct Group {
    ScriptError example;
    Occurrence first;
    std::string last_time;
    std::uint64_t count = 0;
    std::size_t tracebacks = 0;
    std::string path;
  };

  Limits limits_;
  std::unordered_map<std::string, std::size_t> index_;  // key -> position in groups_
  std::vector<Group> groups_;
  std::uint64_t others_ = 0;
  std::uint64_t total_ = 0;
  std::uint64_t traceback_bytes_ = 0;
};

}  // namespace parallelrun::orchestrator
