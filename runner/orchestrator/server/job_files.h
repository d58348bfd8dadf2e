// What a start finds of its job in the output directory, and what it makes of it: go on, begin anew, judge
// again, or nothing to do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/result/result.h"
#include "runner/job/resolved_job.h"
#include "runner/orchestrator/server/output_directory.h"
#include "runner/orchestrator/server/planning.h"
#include "runner/orchestrator/thresholds.h"
#include "runner/output/committer.h"
#include "runner/output/storage.h"

namespace parallelrun::orchestrator {

// One thread, but for what `Options::checked` says.
class JobFiles {
 public:
  struct Options {
    bool overwrite = false;     // --overwrite
    bool retry_failed = false;  // --retry-failed
    std::string lease;          // see DirectoryLock
    std::string run;            // --run; empty: a run of its own
    // Bytes of the output that are verified, of all: here before the job is served, on the committer's
    // thread after.
    std::function<void(std::uint64_t done, std::uint64_t total)> checked;
  };

  // Takes the directory's lock. `job` must outlive this. Errors: those of OutputDirectory::open.
  static Result<std::unique_ptr<JobFiles>> open(const ResolvedJob& job, Options options);

  // Reads plan and journal, verifies what they say is there, and makes them ready to be gone on with; with
  // overwrite begins anew where they cannot be, or where complete results may not stand for this run.
  // Errors: kConflict, kCorrupt (damaged), kAborted (a successor is at work), kNotFound (removed), kNoSpace,
  // kIo.
  Status take_up();

  // Whether there is nothing yet that a start would go on with, and no file where it will write.
  bool untouched() const;
  // In the place of take_up(), where untouched(): `fill` puts complete results of the same job here, under
  // the fingerprint that it is given, and they are verified. After an error nothing of them is left, and
  // take_up() comes next. Errors: those of `fill`; kCorrupt, kAborted, kNoSpace, kIo.
  Status adopt(const std::function<Status(Storage&, const std::string& fingerprint)>& fill);
  // Before take_up(), where untouched(): has the plan of the whole job made, opens the directory with it, and
  // has the results of another job committed to it. take_up() comes next and goes on from there. After an
  // error nothing of it is left; after an end in the middle the next start clears it away. Errors: those of
  // both; kAborted, kCorrupt, kNoSpace, kIo.
  Status take_over(const std::function<Status(Storage&)>& plan,
                   const std::function<Status(Committer&)>& commit);
  // A small file of the directory's state.
  Status write_state(const std::string& path, const nlohmann::json& json);
  // Nothing: it is not there, or damaged.
  std::optional<nlohmann::json> read_state(const std::string& path) const;
  // Whether an earlier start of the same run (--run) worked here.
  bool same_run() const;
  // result.json of results that were adopted.
  Status write_result(const nlohmann::json& result);

  // --- after take_up() ---
  // There are results of an earlier run that today's thresholds do not let stand.
  const std::optional<JobResult>& verdict() const { return verdict_; }
  bool complete() const { return recovered_.ended == JobState::kComplete; }
  // What a complete job says of itself. Errors: kConflict where it may not stand for this run.
  Result<JobResult> complete_result() const;
  // Why the job was begun anew; empty: it was not.
  const std::string& begun_anew() const { return begun_anew_; }
  // Writes down who completes the results, for a restart of the same run to know them for its own.
  Status record_run();

  RecoveredJob& recovered() { return recovered_; }
  const OutputDirectory& directory() const { return *directory_; }
  Planning& planning() { return *planning_; }
  Committer& committer() { return *committer_; }
  // Committer::row_check() of what is gone on with.
  const std::shared_ptr<RowCheck>& row_check() const { return row_check_; }
  // Why the directory is lost for good: a successor has it (kAborted), or it was removed (kNotFound). What
  // has made a write fail may have been that, too.
  std::optional<Error> lost() const;
  // Removes what records were grouped in by partition keys: nobody reads it once all is done. A failure is no
  // harm but for the room.
  void remove_groups();
  // Of an output in a store: what is needed of `state` is put there under the names that people look for;
  // empty: nothing has been decided, so that only the logs are. Else nothing happens. After everything else,
  // the logs included. Errors: kAborted (a successor is at work), kIo.
  Status publish(std::optional<JobState> state);
  // Waits for the planner's threads. False: a volume that does not answer holds one, and this object must
  // not be destroyed.
  bool end_planning(std::chrono::milliseconds patience);

 private:
  JobFiles(const ResolvedJob& job, Options options) : job_(job), options_(std::move(options)) {}
  Status recover();
  Status clear_away();
  void close();
  Status begin_anew(const std::string& why);
  Status judge_again();
  Storage& storage() const { return directory_->storage(); }
  bool overwrites() const { return options_.overwrite || job_.spec.output.overwrite; }
  bool may_reuse() const;
  std::optional<Exceeded> exceeded_now(const RecoveredJob& job) const;
  bool reopens(const RecoveredJob& job) const;
  JobResult result_of_complete() const;

  const ResolvedJob& job_;
  const Options options_;
  std::unique_ptr<OutputDirectory> directory_;
  std::unique_ptr<Planning> planning_;
  std::unique_ptr<Committer> committer_;
  std::shared_ptr<RowCheck> row_check_;
  RecoveredJob recovered_;
  std::optional<JobResult> verdict_;
  std::string begun_anew_;
};

}  // namespace parallelrun::orchestrator
