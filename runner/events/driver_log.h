// logs/70_driver_log.txt: what was started where, from which spec, how it ended, and what agents had to say
// beside the job's own logs. On one machine the launcher writes it, on a cluster the orchestrator's pod.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "common/posix/file_descriptor.h"
#include "common/text/presentable.h"
#include "common/time/rfc3339.h"

namespace parallelrun {

// Appends time-stamped lines. Lines from before open() are kept and written then: the file lies in the output
// directory, which belongs to the orchestrator until it has said that the directory is this job's.
class DriverLog {
 public:
  void open(const std::string& path) {
    file_ =
        FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    // One of an earlier version may be open to others.
    if (file_) ::fchmod(file_.get(), 0600);
    append(early_);
    early_.clear();
  }

  void line(const std::string& text) {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const std::string whole = rfc3339_seconds(now) + " " + presentable(text) + "\n";
    if (file_) {
      append(whole);
    } else {
      early_ += whole;
    }
  }

  // For children, which append to it, too; -1: there is none.
  int descriptor() const { return file_.get(); }

 private:
  void append(const std::string& text) const {
    // A full disk is told by the orchestrator; this log has no better place to say it.
    if (file_ && ::write(file_.get(), text.data(), text.size()) < 0) return;
  }

  FileDescriptor file_;
  std::string early_;
};

}  // namespace parallelrun
