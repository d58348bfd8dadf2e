// One job, from its first start to its completion, through everything that can go wrong, in virtual time: the
// real core, committer, journal and recovery over a faulty disk, a faulty network and model agents. What must
// hold is checked at every crash and at the end. A seed fixes everything that happens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace parallelrun::simulation {

struct Report {
  std::uint64_t seed = 0;
  std::vector<std::string> violations;  // empty: all invariants held
  std::uint64_t mini_batches = 0;
  std::uint64_t orchestrator_starts = 0;
  std::uint64_t power_losses = 0;
  std::uint64_t failed_runs = 0;  // runs of the job that ended Failed, after which it was started again
  std::uint64_t disk_errors = 0;  // failed syncs, full disk
  std::uint64_t interrupts = 0;
  std::uint64_t rotten_bits = 0;
  std::uint64_t refusals = 0;  // to go on from what the disk has lost
  std::uint64_t groups = 0;
  std::uint64_t sessions = 0;
  std::uint64_t takeovers = 0;    // from a process that was paused
  std::uint64_t woken_steps = 0;  // calls of the disk's user that one of those finished afterwards
  std::uint64_t splits = 0;
  std::uint64_t parts_after_a_start = 0;  // of mini-batches that an earlier start had split
  std::uint64_t old_epoch_commits = 0;    // results of an earlier epoch that were committed
};

Report simulate(std::uint64_t seed);

}  // namespace parallelrun::simulation
