#include "runner/orchestrator/server/commit_thread.h"

#include <utility>

namespace parallelrun::orchestrator {

CommitThread::CommitThread(Committer& committer, Done done)
    : committer_(committer), done_(std::move(done)), thread_([this] { run(); }) {}

CommitThread::~CommitThread() {
  state_.change([](State& s) { s.ending = true; });
  thread_.join();
}

void CommitThread::write(CommitGroup&& group) {
  state_.change([&](State& s) { s.group.emplace(std::move(group)); });
}

void CommitThread::run() {
  for (;;) {
    std::optional<CommitGroup> group =
        state_.when([](const State& s) { return s.ending || s.group.has_value(); },
                    [](State& s) { return std::exchange(s.group, std::nullopt); });
    if (!group) return;
    const Status written = committer_.write(*group);
    const std::uint64_t number = group->number;
    group.reset();
    done_(number, written);
    if (!written) return;
  }
}

}  // namespace parallelrun::orchestrator
