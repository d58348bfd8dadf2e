// [--resource_monitor_interval] `logs/perf/<ip>/`: every so many seconds, and once at the start, what
// processes there are, and how disks, node and worker processes are used. One thread, on the loop; what
// may block (ps, df over a lost network mount) runs as a child process.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runner/agent/log_streams.h"
#include "runner/agent/proc_files.h"

namespace parallelrun::agent {

class ResourceMonitor {
 public:
  struct Options {
    std::string exec_program;
    std::string node;
    std::vector<std::string> environment;  // for ps and df
    std::chrono::seconds interval{600};    // 0: off
  };
  using Pids = std::function<std::vector<std::pair<std::string, pid_t>>()>;

  // `logs` and what `pids` holds must outlive the monitor. A child that still runs is left to end.
  ResourceMonitor(boost::asio::io_context& io, Options options, LogStreams& logs, Pids pids);
  ~ResourceMonitor();
  ResourceMonitor(const ResourceMonitor&) = delete;
  ResourceMonitor& operator=(const ResourceMonitor&) = delete;

  void start();

 private:
  using Clock = std::chrono::steady_clock;

  void sample();
  void sample_node(const std::string& time);
  void sample_processes(const std::string& time);
  void sample_disks(const std::string& time);
  void list_processes(std::chrono::system_clock::time_point now);
  std::string folder() const;
  void append(const std::string& file, const std::string& header, const std::string& lines);

  boost::asio::io_context& io_;
  Options options_;
  LogStreams& logs_;
  Pids pids_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<bool> alive_;  // false once the monitor is gone: an answer that comes later is dropped
  bool df_runs_ = false;
  bool ps_runs_ = false;
  CpuTicks last_cpu_;
  std::map<pid_t, std::pair<std::uint64_t, Clock::time_point>> last_process_ticks_;
  std::map<std::string, bool> has_header_;
};

}  // namespace parallelrun::agent
