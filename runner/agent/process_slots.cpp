#include "runner/agent/process_slots.h"

#include <spdlog/fmt/fmt.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "common/text/counted.h"
#include "runner/agent/proc_files.h"
#include "runner/protocol/process_failure_types.h"

namespace parallelrun::agent {
namespace {

ScriptError code_changed(const std::string& why) {
  return {ErrorPhase::kLoad, std::string(kCodeChanged), why, ""};
}

}  // namespace

class ProcessSlots::Slot : public WorkerEvents {
 public:
  Slot(ProcessSlots& owner, SlotIndex index, LogStreams& streams, const std::string& folder)
      : owner_(owner),
        index_(index),
        streams_{
            streams.stream(fmt::format("user/stdout/{}/{}.stdout.txt", folder, process_name(index)),
                           process_name(index)),
            streams.stream(fmt::format("user/stderr/{}/{}.stderr.txt", folder, process_name(index)),
                           process_name(index) + " stderr"),
            streams.stream(fmt::format("user/entry_script_log/{}/{}.log.txt", folder, process_name(index))),
            streams.records(fmt::format("user/metrics/{}/{}", folder, process_name(index)))} {}

  ~Slot() override {
    if (!process_) return;
    process_->abandon();
    process_->kill();
  }

  void start() {
    if (const auto why = code_change()) {
      boost::asio::post(owner_.io_, [this, why] {
        owner_.core_->on_init_failed(index_, 0, code_changed(*why), now());
        owner_.core_->on_exit(index_, {0, "StartFailed", *why, "", {}}, now());
        owner_.changed_();
      });
      return;
    }
    process_ = std::make_shared<WorkerProcess>(owner_.io_, streams_, *this);
    killed_ = false;
    const Recipe& recipe = owner_.recipe_;
    const Status started = process_->start({recipe.exec_program, recipe.argv, recipe.environments.at(index_),
                                            recipe.working_directory, recipe.memory_limit});
    if (!started) {
      process_.reset();
      boost::asio::post(owner_.io_, [this, message = started.error().message] {
        owner_.core_->on_exit(index_, {0, "StartFailed", message, "", {}, 0}, now());
        owner_.changed_();
      });
      return;
    }
    owner_.node_log_.process_started(index_, static_cast<std::uint64_t>(process_->pid()));
    append_frame(process_->outgoing(), channel::Frame::kConfig, recipe.configs.at(index_));
  }

  void on_frame(const FrameView& frame) override {
    const auto pid = static_cast<std::uint64_t>(process_->pid());
    AgentCore& core = *owner_.core_;
    switch (frame.type) {
      case channel::Frame::kReady:
        if (const auto why = code_change())
          return core.on_init_failed(index_, pid, code_changed(*why), now());
        return core.on_ready(index_, now());
      case channel::Frame::kInitFailed:
        return core.on_init_failed(index_, pid, decode_script_error(frame.payload, ErrorPhase::kInit), now());
      case channel::Frame::kBye:
        return core.on_bye(index_, pid, decode_bye(frame.payload), now());
      case channel::Frame::kSkipped: {
        const auto task = decode_skipped(frame.payload);
        if (!task) return core.on_nonsense(index_, task.error().message, now());
        return core.on_skipped(index_, *task, now());
      }
      default:
        break;
    }
    auto result = decode_result(frame);
    if (!result) return core.on_nonsense(index_, result.error().message, now());
    result->pid = pid;
    core.on_result(index_, std::move(*result), now());
  }

  void on_frames_end() override {
    owner_.core_->advance(now());
    owner_.changed_();
  }

  void on_nonsense(std::string what) override { owner_.core_->on_nonsense(index_, std::move(what), now()); }

  void on_exit(ProcessExit exit) override {
    if (exit.type == "SIGKILL" && !killed_)
      exit.message += "; " + owner_.oom_.explain_sigkill(exit.peak_bytes);
    // Not every program survives an allocation that fails, and Python does not start with very little.
    if (const std::uint64_t limit = owner_.recipe_.memory_limit; limit > 0 && !killed_)
      exit.message += " (it could allocate " + counted(limit, "byte") + ": processMemoryLimit)";
    process_.reset();
    owner_.core_->on_exit(index_, exit, now());
    owner_.changed_();
  }

  void kill() {
    killed_ = true;
    if (process_) process_->kill();
  }

  WorkerProcess* process() const { return process_.get(); }

  std::optional<std::string> code_change() const {
    return owner_.recipe_.code_change ? owner_.recipe_.code_change() : std::nullopt;
  }

 private:
  ProcessSlots& owner_;
  SlotIndex index_;
  WorkerProcess::Streams streams_;
  std::shared_ptr<WorkerProcess> process_;
  bool killed_ = false;
};

ProcessSlots::ProcessSlots(boost::asio::io_context& io, LogStreams& streams, NodeLog& node_log,
                           const std::string& node, std::uint32_t slots)
    : io_(io), node_log_(node_log) {
  for (SlotIndex index = 0; index < slots; ++index) {
    slots_.push_back(std::make_unique<Slot>(*this, index, streams, node_folder(node)));
  }
}

ProcessSlots::~ProcessSlots() = default;

void ProcessSlots::bind(AgentCore& core, std::function<void()> changed) {
  core_ = &core;
  changed_ = std::move(changed);
}

void ProcessSlots::start(SlotIndex slot) { slots_[slot]->start(); }

void ProcessSlots::announce(SlotIndex slot, const InputInfo& info) {
  if (WorkerProcess* process = slots_[slot]->process()) append_input_info(process->outgoing(), info);
}

void ProcessSlots::run(SlotIndex slot, const Lease& lease) {
  WorkerProcess* process = slots_[slot]->process();
  if (process == nullptr) return;
  append_run(process->outgoing(), lease);
  process->count_task();
}

void ProcessSlots::take_back(SlotIndex slot) {
  if (WorkerProcess* process = slots_[slot]->process()) process->take_back();
}

void ProcessSlots::shut_down(SlotIndex slot) {
  if (WorkerProcess* process = slots_[slot]->process()) {
    append_frame(process->outgoing(), channel::Frame::kShutdown, {});
  }
}

void ProcessSlots::dump_stack(SlotIndex slot) {
  if (WorkerProcess* process = slots_[slot]->process()) process->dump_stack();
}

void ProcessSlots::kill(SlotIndex slot) { slots_[slot]->kill(); }

channel::Stamp ProcessSlots::stamp(SlotIndex slot) const {
  const WorkerProcess* process = slots_[slot]->process();
  return process != nullptr ? process->stamp() : channel::Stamp{};
}

ProcessLook ProcessSlots::look(SlotIndex slot) const {
  const WorkerProcess* process = slots_[slot]->process();
  if (process == nullptr) return {};
  return {static_cast<std::uint64_t>(process->pid()), process->unfinished_bytes(),
          state_in_words(
              parse_process_stat(read_small_file(fmt::format("/proc/{}/stat", process->pid()))).state)};
}

std::vector<std::pair<std::string, pid_t>> ProcessSlots::pids() const {
  std::vector<std::pair<std::string, pid_t>> out;
  for (SlotIndex index = 0; index < slots_.size(); ++index) {
    if (const WorkerProcess* process = slots_[index]->process())
      out.emplace_back(process_name(index), process->pid());
  }
  return out;
}

}  // namespace parallelrun::agent
