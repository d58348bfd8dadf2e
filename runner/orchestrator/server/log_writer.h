// Writes log files on a thread of its own, so that a slow disk holds up neither commits nor replies. What
// waits is bounded: beyond it bytes are dropped, and a line in sys/master_role.txt says how many.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>

#include "runner/orchestrator/server/guarded.h"
#include "runner/orchestrator/server/log_tree.h"

namespace parallelrun::orchestrator {

class LogWriter {
 public:
  struct Options {
    LogTree::Options tree;
    std::size_t queue_bytes = 32U << 20U;
  };

  explicit LogWriter(Options options);
  // Writes what waits, then ends the thread.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // From any thread; never blocks on the disk. `path` is below logs/.
  void append(std::string path, std::string bytes);
  // Only the last content that waits for a path is written.
  void replace(std::string path, std::string content);

  // Bytes that were dropped or could not be written so far, and the last reason.
  struct Losses {
    std::uint64_t bytes = 0;
    std::string why;
  };
  Losses losses() const;

 private:
  struct Piece {
    std::string path;
    std::string bytes;
    std::size_t cost = 0;  // counted in `waiting`
  };
  struct State {
    std::deque<Piece> appended;
    std::unordered_map<std::string, std::string> replaced;
    std::size_t waiting = 0;  // bytes, paths included, and those being written
    Losses losses;
    bool ending = false;
  };

  void run();

  const Options options_;
  Guarded<State> state_;
  std::thread thread_;
};

}  // namespace parallelrun::orchestrator
