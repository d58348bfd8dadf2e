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
  // The first `tasks` that the process was given are not to be begun any more (Stamp::taken_back).
  void take_back(std::uint64_t tasks);

 private:
  StampPage(FileDescriptor fd, channel::Stamp* page) : fd_(std::move(fd)), page_(page) {}

  FileDescriptor fd_;
  channel::Stamp* page_;
};

}  // namespace parallelrun::agent
