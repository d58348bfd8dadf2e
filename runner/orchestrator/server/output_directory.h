// The output directory before a job may use it: one orchestrator at a time, one job, a store that can do what
// commits need. Everything that can refuse a start is here.
//
// .parallelrun/lock      held with flock() for the life of this object; says who holds it, or that its last
//                        holder has given it up. Whoever takes the directory over puts a new file there
// .parallelrun/job.json  identity of the job: fingerprint, the settings behind it, name of the output file
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/job/resolved_job.h"
#include "runner/orchestrator/server/directory_lock.h"
#include "runner/orchestrator/server/output_store.h"
#include "runner/output/disk_storage.h"

namespace parallelrun::orchestrator {

class OutputDirectory {
 public:
  struct Identity;

  // What may be cleared away. Files that no job wrote never are.
  enum class Overwrite {
    kNothing,
    kAnotherJob,   // [output.overwrite] another job's files. The same job goes on: a restart must not clear
                   // what it began
    kAlsoDamaged,  // and what cannot be gone on with: a job.json that is not whole, and what the journal
                   // shows to be this job's where it is missing. See also begin_anew()
  };

  // Creates the directory where missing, takes the lock (`lease`: see DirectoryLock), tries out the file
  // system, and checks or writes job.json. Of an output in a store the directory becomes what its log says,
  // and it is claimed for this process once job.json has shown that it is this job's. Errors: kConflict
  // (another orchestrator runs; another job's results; a file of the same name that is not ours), kCorrupt
  // (job.json), kInvalidArgument, kUnsupported (the store cannot append, cut or sync), kNoSpace, kIo. All are
  // sentences for the user.
  static Result<std::unique_ptr<OutputDirectory>> open(const ResolvedJob& job, Overwrite overwrite,
                                                       const std::string& lease = {});

  // Clears away what this job has stored, and its rows, because it cannot be gone on with. Everything that
  // was opened in the directory must be closed. Errors: kAborted (a successor is at work), kNoSpace, kIo.
  Status begin_anew(const ResolvedJob& job);

  // Has `fill` put complete results of this job here. It must not find files of theirs. After an
  // error this clears the directory; after an end in the middle the next start does. Errors: those of `fill`;
  // kAborted, kNoSpace, kIo.
  Status fill(const ResolvedJob& job, const std::function<Status()>& fill);

  // The destructor gives the lock up: nothing of this process may write any more.
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;

  const std::string& path() const { return path_; }
  // How people call it: the directory, or "s3://bucket/folder".
  const std::string& shown() const { return store_ ? store_->address() : path_; }
  std::string logs() const { return path_ + "/logs"; }
  std::string plan_file() const { return path_ + "/.parallelrun/plan"; }
  const std::string& fingerprint() const { return fingerprint_; }
  // Of the job that goes on: which files beside its code have changed since its first start, in words.
  const std::optional<std::string>& changed_beside_code() const { return changed_beside_code_; }
  // All files that commits are made of.
  Storage& storage() const { return store_ ? store_->storage() : *disk_; }
  // Where the output lies in a store, of which the directory is a copy on this machine; null: it does not.
  OutputStore* store() const { return store_.get(); }
  // The last holder has not given the directory up and may still be at work in it.
  bool taken_over() const { return lock_.passed_by(); }
  // See DirectoryLock.
  void settled() { lock_.settled(); }

 private:
  OutputDirectory(std::string path, DirectoryLock lock)
      : path_(std::move(path)),
        lock_(std::move(lock)),
        disk_(std::make_unique<DiskStorage>(std::filesystem::path(path_), lock_.descriptor())) {}
  Status claim(const ResolvedJob& job, Overwrite overwrite);
  Status claim_store();
  Status refuse_foreign_files(const std::string& output_file) const;
  Status replace(Identity ours, const std::vector<std::string>& earlier);

  std::string path_;
  DirectoryLock lock_;
  std::unique_ptr<DiskStorage> disk_;
  std::unique_ptr<OutputStore> store_;
  bool decide_again_ = false;
  std::string fingerprint_;
  std::optional<std::string> changed_beside_code_;
};

}  // namespace parallelrun::orchestrator
