#include "runner/orchestrator/server/control_pipe.h"

#include <boost/asio/read_until.hpp>
#include <istream>
#include <string>
#include <utility>

namespace parallelrun::orchestrator {

ControlPipe::ControlPipe(boost::asio::io_context& io, int fd, std::function<void(bool)> on_hold)
    : descriptor_(io, fd), on_hold_(std::move(on_hold)) {
  read();
}

void ControlPipe::read() {
  boost::asio::async_read_until(descriptor_, buffer_, '\n',
                                [this](boost::system::error_code error, std::size_t) {
                                  if (error == boost::asio::error::operation_aborted) return;
                                  if (error) return on_hold_(true);
                                  std::string word;
                                  std::istream lines(&buffer_);
                                  std::getline(lines, word);
                                  if (word == "hold" || word == "go") on_hold_(word == "hold");
                                  read();
                                });
}

}  // namespace parallelrun::orchestrator
