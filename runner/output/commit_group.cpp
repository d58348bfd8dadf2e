#include "runner/output/commit_group.h"

namespace parallelrun {

void count(Counts& counts, const CommitEntry& entry) {
  switch (entry.kind) {
    case CommitEntry::Kind::kSucceeded:
      ++counts.succeeded;
      counts.items_succeeded += entry.items - entry.items_failed;
      counts.items_failed += entry.items_failed;
      if (entry.items_failed > 0) ++counts.short_ones;
      break;
    case CommitEntry::Kind::kFailed:
      ++counts.failed;
      ++counts.tries_failed;
      counts.items_failed += entry.items;
      break;
    case CommitEntry::Kind::kTryFailed:
      ++counts.tries_failed;
      break;
  }
}

}  // namespace parallelrun
