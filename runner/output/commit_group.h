// What is made durable together: one or many reports' results, with two syncs for all of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runner/plan/column_types.h"
#include "runner/plan/work_id.h"
#include "runner/progress/progress.h"

namespace parallelrun {

struct CommitEntry {
  enum class Kind : std::uint8_t {
    kSucceeded = 1,
    kFailed = 2,     // its last try failed: it is finished, its items failed
    kTryFailed = 3,  // one charged try; the mini-batch waits for the next
    kSplit = 4,      // its last try failed: its halves take its place (split.h)
  };
  Kind kind = Kind::kSucceeded;
  WorkId work;
  std::uint64_t attempt = 0;
  std::uint64_t items = 0;         // of the mini-batch, or of its part
  std::uint64_t items_failed = 0;  // all of them, or the shortfall
  // Bytes that its rows have in the file that they were appended to. The committer counts them.
  std::uint64_t rows_length = 0;

  bool operator==(const CommitEntry&) const = default;
};

// Made by the core, written by the Committer on another thread, then given back by its number.
struct CommitGroup {
  std::uint64_t number = 0;
  std::vector<CommitEntry> entries;
  std::vector<std::string> rows;  // of the succeeded ones, as their encoders made them; written in this order
  std::string failed_items;       // whole lines for failed_items.jsonl
  std::vector<InputInfo> types;   // every column type decision so far; empty: none is new
  std::optional<JobResult> end;   // the last group of a job
  std::vector<WorkId> rows_of = {};  // whose the rows are
};

}  // namespace parallelrun
