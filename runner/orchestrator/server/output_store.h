// The output of a job that lies in a store. The orchestrator works in a directory of this machine, as always;
// the log in the store (commit_log.h) is what counts. What people read (the output file, failed items, logs,
// _SUCCESS) is put there under its name at the end, the overview and the logs while the job runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/posix/file_descriptor.h"
#include "common/result/result.h"
#include "runner/job/resolved_job.h"
#include "runner/orchestrator/server/guarded.h"
#include "runner/orchestrator/server/output_logs.h"
#include "runner/orchestrator/server/output_objects.h"
#include "runner/output/commit_log.h"
#include "runner/output/disk_storage.h"
#include "runner/output/logged_storage.h"

namespace parallelrun::orchestrator {

class OutputStore {
 public:
  // Makes the directory what the log says, and writes nothing to the store. `local`: of the directory.
  // `lease`: as OutputDirectory has it; without one, another run on this machine is refused. `anew`: where
  // the log cannot be replayed, it is given up, with what a job of the same output file has put beside it.
  // Who is passed by later by an orchestrator of another lease gets kConflict, else kAborted.
  // Errors: kConflict (another run on this machine), kCorrupt, kUnsupported (the log), kAborted, kNoSpace,
  // kIo.
  static Result<std::unique_ptr<OutputStore>> open(const ResolvedJob& job, DiskStorage& local,
                                                   const std::string& lease, bool anew);
  // Says that nobody works here any more. The destructor does not wait for what is being put.
  ~OutputStore();
  OutputStore(const OutputStore&) = delete;
  OutputStore& operator=(const OutputStore&) = delete;

  // How people call it: "s3://bucket/folder".
  const std::string& address() const { return address_; }
  Storage& storage() { return *storage_; }
  // Whether the store has something of that name, for people.
  Result<bool> has(const std::string& name);

  // From now on it is ours, and nobody else's. What somebody has committed since open() is in the directory
  // too, and may be another job's. Fetches the logs of earlier starts. Errors: those of CommitLog::claim().
  Status claim();
  // Who was passed by and has not said that it has ended, in a sentence; empty: nobody.
  const std::string& passed_by() const { return passed_by_; }

  // Says there for people who is at work, and puts logs there from time to time, on a thread, until publish()
  // or the end. What fails is tried again.
  void begin_logs();

  struct Published {
    std::vector<std::string> files;  // below the directory; those that are not there are removed in the store
    bool complete = false;           // and so _SUCCESS is put, last
  };
  // Puts everything there under its name. Errors: kAborted (another has taken the job over), kIo.
  Status publish(const Published& what);
  // Only the logs, of a job that will go on.
  Status publish_logs();
  // Whether what a complete job has put there is all there.
  Result<bool> is_published();

 private:
  OutputStore(const ResolvedJob& job, DiskStorage& local, const std::string& lease);
  CommitLog::Options log_options() const;
  Status clear_local() const;
  Result<std::vector<std::string>> state_files() const;
  Status tell_holder(bool released);
  void put_logs_at_times();
  void end_logs();

  const std::string address_;
  const std::string lease_;
  const std::string directory_;
  const std::string output_file_;  // empty: none
  DiskStorage& local_;
  FileDescriptor of_machine_;  // held as long as this lives
  OutputObjects log_objects_;  // the log's
  OutputObjects objects_;      // of this object's thread
  std::unique_ptr<CommitLog> log_;
  std::unique_ptr<LoggedStorage> storage_;
  bool claimed_ = false;
  std::string passed_by_;

  OutputLogs logs_;  // of the thread while it runs
  Guarded<bool> logs_end_{false};
  std::thread putting_logs_;
};

}  // namespace parallelrun::orchestrator
