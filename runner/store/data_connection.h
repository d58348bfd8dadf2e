// A connection to the data process that waits for its answers. (An agent has one of its own, which does not
// wait: runner/agent/data_link.h.)
#pragma once

#include <chrono>
#include <string>

#include "common/pod/pod_layout.h"
#include "common/posix/file_descriptor.h"
#include "common/result/result.h"
#include "runner/store/data_messages.h"

namespace parallelrun {

// The environment variable of orchestrator and agents that names the data process' socket on this machine.
inline constexpr const char* kDataSocketVariable = pod::kDataSocketVariable;
// Its value; empty: there is no data process.
std::string data_socket();

// The launcher starts a data process again that has died; it lists with its credentials first.
inline constexpr std::chrono::seconds kDataPatience{60};
// So many connections without an answer, and it is given up.
inline constexpr int kMostLostConnections = 5;

// One thread at a time.
class DataConnection {
 public:
  // Tries again for `patience`: the data process may just be started again. Errors: kUnavailable.
  static Result<DataConnection> open(const std::string& socket, std::chrono::milliseconds patience);

  // Errors of both: kUnavailable (the connection is gone), kCorrupt.
  Status send(const std::string& frame);
  // Waits for the next answer, without an end: the data process bounds its own work.
  Result<DataAnswer> receive();
  // Readable (poll) when an answer, or a part of it, is there.
  int descriptor() const { return fd_.get(); }

 private:
  explicit DataConnection(FileDescriptor fd) : fd_(std::move(fd)) {}
  FileDescriptor fd_;
  std::string buffer_;
};

}  // namespace parallelrun
