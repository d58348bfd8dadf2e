// Which work of a job is done, and what that adds up to: the one place that knows what a commit changes.
// Pure; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "runner/output/commit_group.h"
#include "runner/plan/mini_batch_set.h"
#include "runner/plan/work_id.h"
#include "runner/progress/progress.h"

namespace parallelrun {

// A mini-batch is open until it succeeds, fails or is split; of one that is split, its parts are. It is
// finished when all of its parts are: it has failed if one of them has. Memory grows with what is unfinished
// and with the parts that failed.
class WorkLedger {
 public:
  // False: its work is not open, so nothing has changed.
  bool add(const CommitEntry& entry);
  // A new run: what has failed is open again, and its counts start anew. What is split stays split.
  void begin_run();

  // Whether it may be tried and committed.
  bool is_open(const WorkId& work) const;
  // Of a mini-batch that is split; ascending. Empty: it is not split, or finished.
  std::vector<std::uint32_t> open_parts(MiniBatchId id) const;
  // In this run, as a whole or as a part.
  bool has_failed(const WorkId& work) const;
  bool any_failed() const { return counts_.failed > 0 || parts_failed_ > 0; }

  // Mini-batches.
  std::uint64_t finished() const { return finished_.size(); }
  // All mini-batches below it are finished.
  std::uint64_t frontier() const { return finished_.frontier(); }
  // One more than the largest mini-batch that was committed, whole or in part, or split.
  std::uint64_t end() const;
  const Counts& counts() const { return counts_; }

 private:
  struct Split {
    std::set<std::uint32_t> open;
    std::set<std::uint32_t> failed;
    bool is_short = false;  // a part has returned fewer elements than items
  };

  void add_to_split(const CommitEntry& entry);

  MiniBatchSet finished_;
  MiniBatchSet failed_;                  // as a whole
  std::map<MiniBatchId, Split> splits_;  // unfinished ones, and those with parts that failed
  std::uint64_t parts_failed_ = 0;
  std::uint64_t items_of_failed_ = 0;  // the other failed items are shortfalls
  Counts counts_;
};

}  // namespace parallelrun
