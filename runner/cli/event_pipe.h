// The orchestrator's event stream: JSON lines through a pipe.
#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace parallelrun {

// Owns both ends; the writer's is handed to a child process.
class EventPipe {
 public:
  EventPipe();  // reader() and writer() are -1 where no pipe can be made
  ~EventPipe();
  EventPipe(const EventPipe&) = delete;
  EventPipe& operator=(const EventPipe&) = delete;

  int reader() const { return ends_[0]; }  // does not block
  int writer() const { return ends_[1]; }
  void close_writer();

  // All whole events that have arrived; what is no JSON object is passed over. `at_end` turns true when no
  // writer is left.
  std::vector<nlohmann::json> take(bool& at_end);

 private:
  std::array<int, 2> ends_{-1, -1};
  std::string pending_;
};

}  // namespace parallelrun
