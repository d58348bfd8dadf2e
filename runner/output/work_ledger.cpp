#include "runner/output/work_ledger.h"

#include <algorithm>

#include "runner/plan/split.h"

namespace parallelrun {

bool WorkLedger::is_open(const WorkId& work) const {
  if (finished_.contains(work.mini_batch)) return false;
  const auto split = splits_.find(work.mini_batch);
  if (split == splits_.end()) return work.part == 0;
  return split->second.open.contains(work.part);
}

std::vector<std::uint32_t> WorkLedger::open_parts(MiniBatchId id) const {
  const auto split = splits_.find(id);
  if (split == splits_.end()) return {};
  return {split->second.open.begin(), split->second.open.end()};
}

bool WorkLedger::has_failed(const WorkId& work) const {
  if (work.part == 0) return failed_.contains(work.mini_batch);
  const auto split = splits_.find(work.mini_batch);
  return split != splits_.end() && split->second.failed.contains(work.part);
}

std::uint64_t WorkLedger::end() const {
  return std::max(finished_.end(), splits_.empty() ? 0 : splits_.rbegin()->first.value + 1);
}

bool WorkLedger::add(const CommitEntry& entry) {
  const WorkId& work = entry.work;
  if (!is_open(work)) return false;
  if (entry.kind == CommitEntry::Kind::kSplit && !halves_of(work.part)) return false;
  const bool whole = work.part == 0;
  switch (entry.kind) {
    case CommitEntry::Kind::kSucceeded:
      counts_.items_succeeded += entry.items - entry.items_failed;
      counts_.items_failed += entry.items_failed;
      if (!whole) break;
      ++counts_.succeeded;
      if (entry.items_failed > 0) ++counts_.short_ones;
      finished_.insert(work.mini_batch);
      break;
    case CommitEntry::Kind::kFailed:
      ++counts_.tries_failed;
      counts_.items_failed += entry.items;
      items_of_failed_ += entry.items;
      if (!whole) break;
      ++counts_.failed;
      finished_.insert(work.mini_batch);
      failed_.insert(work.mini_batch);
      break;
    case CommitEntry::Kind::kTryFailed:
      ++counts_.tries_failed;
      break;
    case CommitEntry::Kind::kSplit: {
      ++counts_.tries_failed;
      const Halves halves = *halves_of(work.part);
      Split& split = splits_[work.mini_batch];
      split.open.erase(work.part);
      split.open.insert({halves.first, halves.second});
      break;
    }
  }
  if (!whole) add_to_split(entry);
  return true;
}

// Of a part.
void WorkLedger::add_to_split(const CommitEntry& entry) {
  const MiniBatchId id = entry.work.mini_batch;
  Split& split = splits_.at(id);
  if (entry.kind == CommitEntry::Kind::kSucceeded) {
    split.open.erase(entry.work.part);
    split.is_short = split.is_short || entry.items_failed > 0;
  } else if (entry.kind == CommitEntry::Kind::kFailed) {
    split.open.erase(entry.work.part);
    split.failed.insert(entry.work.part);
    ++parts_failed_;
  }
  if (!split.open.empty()) return;
  finished_.insert(id);
  if (!split.failed.empty()) {
    ++counts_.failed;
    return;
  }
  ++counts_.succeeded;
  if (split.is_short) ++counts_.short_ones;
  splits_.erase(id);
}

void WorkLedger::begin_run() {
  failed_.for_each_interval([this](std::uint64_t first, std::uint64_t past) {
    for (std::uint64_t id = first; id < past; ++id) finished_.erase(MiniBatchId{id});
  });
  failed_ = {};
  for (auto& [id, split] : splits_) {
    if (split.failed.empty()) continue;
    finished_.erase(id);
    split.open.merge(split.failed);
    split.failed.clear();
  }
  counts_.items_failed -= items_of_failed_;
  counts_.failed = 0;
  counts_.tries_failed = 0;
  items_of_failed_ = 0;
  parts_failed_ = 0;
}

}  // namespace parallelrun
