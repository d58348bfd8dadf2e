// The one thread that waits for the disk: writes the groups that the core gives, one at a time. Results that
// arrive meanwhile form the next group, so a slow disk makes groups larger, not waits longer.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <thread>

#include "runner/orchestrator/server/guarded.h"
#include "runner/output/committer.h"

namespace parallelrun::orchestrator {

class CommitThread {
 public:
  // Called on this thread after each group. After an error nothing more is written.
  using Done = std::function<void(std::uint64_t group, Status)>;

  // `committer` must outlive this.
  CommitThread(Committer& committer, Done done);
  // Waits for the group that is being written.
  ~CommitThread();
  CommitThread(const CommitThread&) = delete;
  CommitThread& operator=(const CommitThread&) = delete;

  // Precondition: the last group is done.
  void write(CommitGroup&& group);

 private:
  struct State {
    std::optional<CommitGroup> group;
    bool ending = false;
  };
  void run();

  Committer& committer_;
  const Done done_;
  Guarded<State> state_;
  std::thread thread_;
};

}  // namespace parallelrun::orchestrator
