// What whoever runs this process tells it, one word a line on a descriptor: `hold` (hand nothing new out: the
// Lease of the job is uncertain) and `go`. A writer that went away is a hold that no go follows.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/streambuf.hpp>
#include <functional>

namespace parallelrun::orchestrator {

class ControlPipe {
 public:
  // Takes `fd` over and calls `on_hold(true or false)` on the loop's thread. Words it does not know are
  // passed over.
  ControlPipe(boost::asio::io_context& io, int fd, std::function<void(bool hold)> on_hold);

 private:
  void read();

  boost::asio::posix::stream_descriptor descriptor_;
  boost::asio::streambuf buffer_{4096};
  std::function<void(bool)> on_hold_;
};

}  // namespace parallelrun::orchestrator
