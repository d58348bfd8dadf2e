// The core behind HTTP: requests in, replies out, groups to the commit thread, progress to the launcher. One
// thread, the one that runs the io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "runner/orchestrator/orchestrator.h"
#include "runner/orchestrator/server/admission.h"
#include "runner/orchestrator/server/job_logs.h"
#include "runner/orchestrator/server/progress_stream.h"
#include "runner/protocol/protocol_server.h"

namespace parallelrun::orchestrator {

class JobService {
 public:
  struct Outputs {
    std::function<void(CommitGroup&&)> write_group;
    std::function<void()> finished;    // the end is durable, or the files are not ours: the loop may end
    std::function<bool()> still_ours;  // asked every second: nobody has taken the files over
    std::function<void(const RegisterRequest&)> registered;  // an agent that may take part
  };

  // All references must outlive the service.
  JobService(boost::asio::io_context& io, Orchestrator& core, JobLogs& logs, ProgressStream& progress,
             Outputs outputs, Admission admission);

  // Starts the ticks. `checking`: no agent is let in before on_checked(), so that no code of the user runs
  // for a job whose inputs are refused.
  void start(bool checking);
  // Drops every parked request.
  void stop();

  // The server's handler.
  void handle(const ProtocolServer::Request& request, ProtocolServer::ReplyTo reply);
  // The server's look at a request whose header has come; see Admission.
  std::optional<ProtocolServer::Reply> admit(const std::string& path, const Caller& caller);
  void on_plan(std::uint64_t mini_batches, std::uint64_t items, bool complete);
  void on_plan_failed(const Error& error);
  void on_checked();
  void on_samples();
  void on_parts(std::uint64_t request, PartCutter::Cut parts);
  void on_committed(std::uint64_t group);
  void interrupt(const std::string& why);
  void hold(bool held);

 private:
  using Request = ProtocolServer::Request;
  // A registration that waits for the end of the check.
  struct Waiting {
    Request request;
    ProtocolServer::ReplyTo reply;
    Time until{};
  };
  void handle_register(const Request& request, const ProtocolServer::ReplyTo& reply);
  void handle_lease(const Request& request, ProtocolServer::ReplyTo reply);
  void handle_report(const Request& request, ProtocolServer::ReplyTo reply);
  bool speaks_for(const Caller& caller, std::uint64_t session) const;
  void advance(Time now);
  void tick();

  Orchestrator& core_;
  JobLogs& logs_;
  ProgressStream& progress_;
  Outputs outputs_;
  const Admission admission_;
  boost::asio::steady_timer timer_;
  // Requests that wait for their reply, by session; at most one of each kind.
  std::unordered_map<std::uint64_t, ProtocolServer::ReplyTo> leases_;
  std::unordered_map<std::uint64_t, ProtocolServer::ReplyTo> reports_;
  bool checking_ = false;
  std::vector<Waiting> waiting_;
  Time asked_ours_{};
  bool told_finished_ = false;
};

}  // namespace parallelrun::orchestrator
