// The lock of an output directory: the file that says who works in it.
#pragma once

#include <string>

#include "common/posix/file_descriptor.h"
#include "common/result/result.h"

namespace parallelrun::orchestrator {

class DirectoryLock {
 public:
  // Takes the lock of `directory`, whose folder for state is there; refused while another process holds it.
  // `lease`: the NAMESPACE/NAME of the job whose Lease the caller holds; empty: none. A holder by the same
  // Lease that has not given the lock up, whether it runs, is paused or is dead, is passed by with a new lock
  // file in the place of its own. Nothing tells such a caller whether a holder whose lock is free is at work
  // on a node that its lock does not reach, so that one is passed by too, whoever it is. Errors: kConflict
  // naming the holder, kUnsupported (the store cannot lock files), kIo.
  static Result<DirectoryLock> take(const std::string& directory, const std::string& lease);

  // Gives it up and says so in the file: nothing of this process may write in the directory any more. Where a
  // holder was passed by, it says so only after settled(): else the next one has to pass by as well.
  ~DirectoryLock();
  DirectoryLock(DirectoryLock&&) noexcept = default;
  DirectoryLock& operator=(DirectoryLock&&) = delete;

  // For DiskStorage; closed with this object.
  int descriptor() const { return file_.get(); }
  // A holder that had not given it up was passed by, and may still be at work.
  bool passed_by() const { return passed_by_; }
  // Files of our own are in the place of all that a holder who was passed by may still write to.
  void settled() { settled_ = true; }

 private:
  DirectoryLock(FileDescriptor file, std::string lease, bool passed_by)
      : file_(std::move(file)), lease_(std::move(lease)), passed_by_(passed_by), settled_(!passed_by) {}

  FileDescriptor file_;
  std::string lease_;
  bool passed_by_;
  bool settled_;
};

}  // namespace parallelrun::orchestrator
