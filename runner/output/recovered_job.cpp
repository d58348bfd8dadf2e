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
    count(job.counts, entry);
    if (entry.kind == CommitEntry::Kind::kTryFailed) {
      ++job.tries[entry.work];
      continue;
    }
    if (!job.finished.insert(entry.work)) {
      return Error{ErrorCode::kCorrupt,
                   fmt::format("{}: mini-batch {} is committed twice; restore the file, or {}", kJournalPath,
                               to_string(entry.work), kBeginAnew)};
    }
    job.tries.erase(entry.work);
    if (entry.kind == CommitEntry::Kind::kFailed) {
      job.failed.insert(entry.work);
      job.items_of_failed += entry.items;
    }
  }
  return {};
}

void apply(const RunStart& record, RecoveredJob& job) {
  job.run = record.run;
  job.failed_items_length = record.failed_items_length;
  job.failed.for_each([&job](WorkId id) { job.finished.erase(id); });
  job.counts.failed = 0;
  job.counts.items_failed -= job.items_of_failed;
  job.counts.tries_failed = 0;
  job.failed = {};
  job.items_of_failed = 0;
  job.tries.clear();
  // Shortfalls stay counted: a threshold that they exceed can still be explained.
  std::erase_if(job.first_errors, [](const ScriptError& error) { return !is_shortfall(error); });
  job.ended.reset();
}

}  // namespace parallelrun
