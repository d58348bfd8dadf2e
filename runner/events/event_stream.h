// The reading end of an orchestrator's event stream: JSON lines through a pipe.
#pragma once

#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/posix/file_descriptor.h"

namespace parallelrun {

// One thread. Closes what is still open at its end.
class EventStream {
 public:
  static constexpr std::size_t kLongestEvent = std::size_t{1} << 20U;

  EventStream();

  int reader() const { return reader_.get(); }  // never blocks
  int writer() const { return writer_.get(); }  // blocks: for the child
  // Once the child has it; else the end of the stream is never seen.
  void close_writer() { writer_.close(); }

  // All whole events that have arrived; what is no JSON object or longer than kLongestEvent is passed over.
  // `at_end` turns true when no writer is left.
  std::vector<nlohmann::json> take(bool& at_end);

 private:
  FileDescriptor reader_;
  FileDescriptor writer_;
  std::string pending_;
};

}  // namespace parallelrun
