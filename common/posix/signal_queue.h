// Signals as a descriptor that a poll() loop waits for, in place of handlers.
#pragma once

#include <initializer_list>

#include "common/posix/file_descriptor.h"

namespace parallelrun {

// Blocks its signals in the calling thread and in threads and children that are started later; make it before
// any of them. They stay blocked. SIGINT and SIGHUP are left out where this process ignores them, as under
// nohup: see is_ignored(). One thread.
class SignalQueue {
 public:
  explicit SignalQueue(std::initializer_list<int> numbers);

  int descriptor() const { return descriptor_.get(); }
  // The number of a signal that has come; 0: none.
  int take() const;

 private:
  FileDescriptor descriptor_;
};

}  // namespace parallelrun
