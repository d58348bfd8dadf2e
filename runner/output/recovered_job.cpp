#include "runner/output/recovered_job.h"

#include <utility>

#include "runner/output/begin_anew.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {

Status apply(GroupRecord&& record, RecoveredJob& job) {
  if (record.output_length < job.output_length || record.failed_items_length < job.failed_items_length) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{}: lengths that shrink; restore the file, or {}", kJournalPath, kBeginAnew)};
  }
  job.output_length = record.output_length;
  job.failed_items_length = record.failed_items_length;
  for (const CommitEntry& entry : record.entries) {
    if (!job.ledger.add(entry)) {
      return Error{ErrorCode::kCorrupt,
                   fmt::format("{}: mini-batch {} is committed twice; restore the file, or {}", kJournalPath,
                               to_string(entry.work), kBeginAnew)};
    }
    if (entry.kind == CommitEntry::Kind::kTryFailed) {
      ++job.tries[entry.work];
    } else {
      job.tries.erase(entry.work);
    }
  }
  return {};
}

void apply(const RunStart& record, RecoveredJob& job) {
  job.run = record.run;
  job.failed_items_length = record.failed_items_length;
  job.ledger.begin_run();
  job.tries.clear();
  // Shortfalls stay counted: a threshold that they exceed can still be explained.
  std::erase_if(job.first_errors, [](const ScriptError& error) { return !is_shortfall(error); });
  job.ended.reset();
}

}  // namespace parallelrun
