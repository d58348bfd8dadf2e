// The page of shared memory in which a worker process stamps what it is doing (runner/channel/frames.h).
#pragma once

#include "common/posix/file_descriptor.h"
#include "common/result/result.h"
#include "runner/channel/frames.h"

namespace parallelrun::agent {

class StampPage {
 public:
  // Errors: kIo.
  static Result<StampPage> create();
  StampPage(StampPage&& other) noexcept;
  StampPage& operator=(StampPage&&) = delete;
  ~StampPage();

  int fd() const { return fd_.get(); }
  // A picture of one moment: taken again while the process changes it.
  channel::Stamp read() const;

 private:
  StampPage(FileDescriptor fd, const channel::Stamp* page) : fd_(std::move(fd)), page_(page) {}

  FileDescriptor fd_;
  const channel::Stamp* page_;
};

}  // namespace parallelrun::agent
