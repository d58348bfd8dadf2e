// The output directory before a job may use it: one orchestrator at a time, one job, a store that can do what
// commits need. Everything that can refuse a start is here.
//
// .parallelrun/lock      held with flock() for the life of this object; says who holds it
// .parallelrun/job.json  identity of the job: fingerprint, the settings behind it, the name of the output
// file
#pragma once

#include <memory>
#include <string>

#include "common/result/result.h"
#include "runner/job/resolved_job.h"

namespace parallelrun::orchestrator {

class OutputDirectory {
 public:
  // Creates the directory where missing, takes the lock, tries out the store, and checks or writes job.json.
  // `overwrite` [output.overwrite]: another job's files are cleared away, foreign ones never. The same job
  // goes on, with it or without. Errors: kConflict (another orchestrator runs; another job's results; a file
  // of the same name that is not ours), kInvalidArgument, kUnsupported (the store cannot append, cut or
  // sync), kNoSpace, kIo. All are sentences for the user.
  static Result<std::unique_ptr<OutputDirectory>> open(const ResolvedJob& job, bool overwrite);

  // Gives up the lock.
  ~OutputDirectory();
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string logs() const { return path_ + "/logs"; }
  std::string plan_file() const { return path_ + "/.parallelrun/plan"; }
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  OutputDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  Status claim(const ResolvedJob& job, bool overwrite);

  std::string path_;
  int lock_;
  std::string fingerprint_;
};

}  // namespace parallelrun::orchestrator
