// One worker process from start to end: its channel, its streams, its stamp page, its death.
//
// Mechanism only: it decides nothing. Runs on the agent's one thread. The destructor kills the process
// and its group if they still run, and waits a second at most for their end. Make it with std::make_shared
// (handlers in flight keep it alive).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "runner/agent/log_streams.h"
#include "runner/agent/spawn.h"
#include "runner/agent/stamp_page.h"
#include "runner/agent/worker_control.h"
#include "runner/agent/worker_frames.h"

namespace parallelrun::agent {

// Hears of a process. After on_exit nothing more comes.
class WorkerEvents {
 public:
  virtual ~WorkerEvents() = default;
  virtual void on_frame(const FrameView& frame) = 0;
  // All frames that had arrived have been given.
  virtual void on_frames_end() = 0;
  virtual void on_nonsense(std::string what) = 0;
  virtual void on_exit(ProcessExit exit) = 0;
};

class WorkerProcess : public std::enable_shared_from_this<WorkerProcess> {
 public:
  struct Launch {
    std::string exec_program;
    std::vector<std::string> argv;
    std::vector<std::string> environment;
    std::string working_directory;
    std::uint64_t memory_limit = 0;  // bytes [processMemoryLimit]; 0: no limit
  };
  // Where the streams of the process go; they outlive it.
  struct Streams {
    LogBuffer& out;
    LogBuffer& err;
    LogBuffer& entry_log;
    LogBuffer& metrics;  // of records
  };

  // `events` must outlive this object or be taken away with `abandon`.
  WorkerProcess(boost::asio::io_context& io, const Streams& streams, WorkerEvents& events);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  // Call it once. Errors: those of spawn; no event follows then.
  Status start(const Launch& launch);

  // Frames are written together, when the current handler has returned.
  std::string& outgoing();
  // A task was put into `outgoing`.
  void count_task() { ++tasks_given_; }
  // Those so far are not to be begun any more.
  void take_back() { stamp_page_->take_back(tasks_given_); }
  void dump_stack();
  void kill();
  void abandon() { events_ = nullptr; }

  pid_t pid() const { return child_.pid; }
  channel::Stamp stamp() const;
  std::size_t unfinished_bytes() const { return incoming_used_; }

 private:
  using Descriptor = boost::asio::posix::stream_descriptor;
  enum class More { kLater, kNow, kEnd };
  struct Pipe {
    Descriptor descriptor;
    LogBuffer* log;
    enum class Kind { kText, kStderr, kRecords } kind;
  };

  void wait_for_frames();
  More read_frames();
  void cut_frames();
  void wait_for_output(std::size_t pipe);
  More read_output(Pipe& pipe);
  void flush();
  void wait_for_exit();
  void on_ended();
  void channel_closed();
  void reap_orphans_now_and_then();

  boost::asio::io_context& io_;
  WorkerEvents* events_;
  Child child_;
  bool reaped_ = true;
  std::unique_ptr<StampPage> stamp_page_;
  Descriptor channel_;
  Descriptor pidfd_;
  std::vector<Pipe> pipes_;
  boost::asio::steady_timer closed_timer_;
  boost::asio::steady_timer orphan_timer_;
  std::uint64_t tasks_given_ = 0;
  std::string incoming_;
  std::size_t incoming_used_ = 0;
  std::string pending_;
  std::string writing_;
  std::size_t written_ = 0;
  bool flush_posted_ = false;
  bool write_waits_ = false;
  std::string stderr_tail_;
};

}  // namespace parallelrun::agent
