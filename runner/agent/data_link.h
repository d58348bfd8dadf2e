// An agent's side of the data process: has the objects of mini-batches fetched, and holds them until the
// mini-batches are done. Where the data process has died and was started again, what was asked for is asked
// for again, and what is in use is declared to the new one. One thread, that of `io`.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runner/agent/worker_control.h"
#include "runner/input/input_format.h"
#include "runner/job/resolved_job.h"
#include "runner/store/data_messages.h"

namespace parallelrun::agent {

class DataLink final : public DataControl {
 public:
  // Never called from inside fetch() or release().
  using Done = std::function<void(std::uint64_t attempt, FetchedData data)>;

  // `job` must outlive the link. `socket`: of the data process.
  DataLink(boost::asio::io_context& io, const ResolvedJob& job, std::string socket, Done done);
  ~DataLink() override;

  bool fetch(const Lease& lease) override;
  void release(std::uint64_t attempt) override;

 private:
  struct Fetch {
    std::string input;
    std::uint32_t input_index = 0;
    std::string descriptor;
    LeaseKind kind = LeaseKind::kRun;
    std::string request;             // the frame
    std::vector<std::string> paths;  // once they are here
    bool here = false;
  };
  using Socket = boost::asio::local::stream_protocol::socket;

  void connect();
  void connected();
  void lost();
  void read();
  void take_answers();
  void send(const std::string& frame);
  void write();
  void fail(std::uint64_t attempt, const DataError& error);

  boost::asio::io_context& io_;
  const ResolvedJob& job_;
  const std::string socket_path_;
  Done done_;
  std::vector<std::unique_ptr<InputFormat>> formats_;  // by input
  Socket socket_;
  boost::asio::steady_timer again_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::uint64_t epoch_ = 0;  // counts connections: handlers of an earlier one do nothing
  bool connected_ = false;
  std::map<std::uint64_t, Fetch> fetches_;  // by attempt: asked for, or held
  std::string unsent_;
  std::string in_flight_;
  std::string received_;
  std::array<char, 65536> block_{};
};

}  // namespace parallelrun::agent
