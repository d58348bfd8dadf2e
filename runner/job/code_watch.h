// Whether the code of a job is still what it was when an agent took the job up: looked at before each start
// of a process, so that no two of them run different versions.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/job/code_files.h"
#include "runner/job/resolved_job.h"

namespace parallelrun {

// One thread at a time.
class CodeWatch {
 public:
  // Reads all code. `job.code_hash`: of the code at the job's start; empty: the code is what is there now.
  // Errors: kConflict (it has changed since), kNotFound, kIo.
  static Result<CodeWatch> begin(const ResolvedJob& job);

  // A sentence for the user that names the files and the way out, or nothing while the code is the same.
  // Looks at times and sizes first and reads only what they make doubtful. What cannot be read has changed.
  std::optional<std::string> change();

 private:
  struct Stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };

  explicit CodeWatch(ResolvedJob job) : job_(std::move(job)) {}
  static std::optional<Stamp> stamp_of(const std::string& path);
  Status look();
  bool unchanged() const;
  std::string words(const std::string& difference) const;

  ResolvedJob job_;  // what the code is listed by
  CodeFiles first_;
  CodeFiles now_;
  std::map<std::string, Stamp> stamps_;  // of code files and of all directories, by path
  bool doubtful_ = false;                // a file was so fresh that a later write might not show
};

}  // namespace parallelrun
