// What a restarted orchestrator knows of its job.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/output/journal.h"
#include "runner/output/work_ledger.h"
#include "runner/plan/column_types.h"
#include "runner/progress/progress.h"

namespace parallelrun {

// What the journal says of earlier runs and crashes. Grows with what is unfinished, not with what is
// finished.
struct RecoveredJob {
  std::optional<JobState> ended;  // kComplete: there is nothing to do. kFailed: start() begins a new run
  std::uint64_t run = 1;          // grows with each start after kFailed
  std::uint64_t epoch = 0;        // of this orchestrator, once start() has returned; before: of the last one
  WorkLedger ledger;
  bool knows_parts = true;                   // its journal can name parts of mini-batches
  std::map<WorkId, std::uint32_t> tries;     // charged tries of what is unfinished
  std::map<std::uint32_t, InputInfo> types;  // decided column types by input
  std::vector<EpochStart> epochs;            // every earlier epoch and this one, ascending
  std::vector<ScriptError> first_errors;     // of failed mini-batches and shortfalls, for the closing message
  std::uint64_t output_length = 0;           // bytes
  std::uint64_t failed_items_length = 0;     // bytes
  std::uint64_t torn_bytes = 0;              // of a journal record that was never finished: cut off
  std::uint32_t lost_groups = 0;             // commits whose rows a dishonest disk has lost: done again
  std::string lost;                          // of which file and what, in words
};

// What a record of the journal changes. Errors: kCorrupt (lengths that shrink, a mini-batch that is committed
// twice).
Status apply(GroupRecord&& record, RecoveredJob& job);
void apply(const RunStart& record, RecoveredJob& job);

}  // namespace parallelrun
