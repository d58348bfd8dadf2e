// The worker processes of an agent, one for each slot: what the core asks for becomes processes, frames
// and signals, and what they do becomes events of the core. One thread.
//
// The destructor kills what still runs. There is one process to a slot; a warm spare would be a second
// WorkerProcess that has read its configuration.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runner/agent/agent_core.h"
#include "runner/agent/node_log.h"
#include "runner/agent/oom_watch.h"
#include "runner/agent/worker_process.h"

namespace parallelrun::agent {

class ProcessSlots : public WorkerControl {
 public:
  struct Recipe {
    std::string exec_program;                            // path of parallelrun-exec
    std::vector<std::string> argv;                       // of the launcher
    std::string working_directory;                       // the script's folder
    std::uint64_t memory_limit = 0;                      // bytes [processMemoryLimit]; 0: no limit
    std::vector<std::vector<std::string>> environments;  // by slot
    std::vector<std::string> configs;                    // by slot: JSON of kConfig
    // Why no process may start any more, the code having changed; asked before each start and once a process
    // has loaded it. Empty: not asked.
    std::function<std::optional<std::string>()> code_change;
  };

  ProcessSlots(boost::asio::io_context& io, LogStreams& streams, NodeLog& node_log, const std::string& node,
               std::uint32_t slots);
  ~ProcessSlots() override;

  // Both before the first start(). `core` must outlive this object's processes.
  void bind(AgentCore& core, std::function<void()> changed);
  void prepare(Recipe recipe) { recipe_ = std::move(recipe); }

  void start(SlotIndex slot) override;
  void announce(SlotIndex slot, const InputInfo& info) override;
  void run(SlotIndex slot, const Lease& lease) override;
  void take_back(SlotIndex slot) override;
  void shut_down(SlotIndex slot) override;
  void dump_stack(SlotIndex slot) override;
  void kill(SlotIndex slot) override;
  channel::Stamp stamp(SlotIndex slot) const override;
  ProcessLook look(SlotIndex slot) const override;

  // Of the processes that live: name and pid, for the resource monitor.
  std::vector<std::pair<std::string, pid_t>> pids() const;

 private:
  class Slot;

  boost::asio::io_context& io_;
  NodeLog& node_log_;
  AgentCore* core_ = nullptr;
  std::function<void()> changed_;
  Recipe recipe_;
  OomWatch oom_;
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace parallelrun::agent
