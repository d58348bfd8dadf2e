// The books of a job, kept a second time and by rules of their own: what the records of the journal add up
// to, and what they may not say.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runner/orchestrator/thresholds.h"
#include "runner/output/journal.h"
#include "runner/progress/progress.h"
#include "tests/simulation/faulty_disk.h"

namespace parallelrun::simulation {

struct Accounts {
  std::uint32_t run_max_try = 1;
  bool isolate = false;
  std::uint64_t epoch = 0;
  std::uint64_t run = 1;
  Counts counts;
  std::map<WorkId, CommitEntry> finished;
  std::map<std::uint64_t, std::set<std::uint32_t>> open;  // parts, by the mini-batch that was split
  std::map<WorkId, std::uint32_t> tries;                  // of what is unfinished
  std::set<std::uint64_t> attempts;                       // of all runs
  std::optional<JobState> ended;
  std::uint64_t old_epoch_commits = 0;
  std::vector<std::string> problems;

  void add(const JournalRecord& record);
  void add(const CommitEntry& entry);

  std::uint64_t finished_mini_batches() const;

 private:
  void finish(const CommitEntry& entry);
  void reopen_failed();
};

// Of the journal as a reader sees it now.
Accounts accounts_of(FaultyDisk& disk, const std::string& fingerprint, std::uint32_t run_max_try,
                     bool isolate);

// Where the last whole record of the journal begins; 0: there is none.
std::uint64_t last_record(FaultyDisk& disk, const std::string& fingerprint);

// Whether the threshold that `reason` names is exceeded; false for other reasons.
bool is_exceeded(JobReason reason, const orchestrator::Thresholds& thresholds, const Counts& counts,
                 std::uint64_t planned, bool plan_complete);
// Whether any is.
bool is_any_exceeded(const orchestrator::Thresholds& thresholds, const Counts& counts, std::uint64_t planned,
                     bool plan_complete);

// failed_items.jsonl against the books: each failed mini-batch once, each shortfall once, nothing else.
std::vector<std::string> problems_of_failed_items(const std::string& text, const Accounts& accounts);

}  // namespace parallelrun::simulation
