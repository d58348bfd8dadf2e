#include "runner/orchestrator/server/job_service.h"

#include <utility>

namespace parallelrun::orchestrator {
namespace {

constexpr std::chrono::seconds kAskOurs{1};

Time now() { return std::chrono::steady_clock::now(); }

enum class Request { kRegister, kOther };

// 409 tells an agent to register anew, so a refused registration says 403: trying again cannot help.
ProtocolServer::Reply refusal(const Error& error, Request request) {
  unsigned status = 500;
  switch (error.code) {
    case ErrorCode::kConflict:
      status = request == Request::kRegister ? 403 : 409;
      break;
    case ErrorCode::kUnsupported:
      status = 426;
      break;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kCorrupt:
      status = 400;
      break;
    case ErrorCode::kUnavailable:
      status = 503;
      break;
    case ErrorCode::kNotFound:
    case ErrorCode::kNoSpace:
    case ErrorCode::kIo:
    case ErrorCode::kAborted:
      break;
  }
  return {status, error.message + "\n"};
}

// Answers the parked request of a session, if there is one.
void answer(std::unordered_map<std::uint64_t, ProtocolServer::ReplyTo>& parked, std::uint64_t session,
            ProtocolServer::Reply reply) {
  const auto found = parked.find(session);
  if (found == parked.end()) return;
  const ProtocolServer::ReplyTo to = std::move(found->second);
  parked.erase(found);
  to(std::move(reply));
}

}  // namespace

JobService::JobService(boost::asio::io_context& io, Orchestrator& core, JobLogs& logs,
                       ProgressStream& progress, Outputs outputs)
    : core_(core), logs_(logs), progress_(progress), outputs_(std::move(outputs)), timer_(io) {}

void JobService::start() {
  advance(now());
  tick();
}

void JobService::stop() {
  timer_.cancel();
  leases_.clear();
  reports_.clear();
}

void JobService::tick() {
  timer_.expires_after(Orchestrator::kTick);
  timer_.async_wait([this](boost::system::error_code cancelled) {
    if (cancelled) return;
    const Time time = now();
    // Before anything else: this process may have been paused for long.
    if (time - asked_ours_ >= kAskOurs) {
      asked_ours_ = time;
      if (!outputs_.still_ours() && !std::exchange(told_finished_, true)) return outputs_.finished();
    }
    core_.tick(time);
    advance(time);
    logs_.refresh(core_.progress());
    tick();
  });
}

void JobService::handle(const std::string& path, const std::string& body, ProtocolServer::ReplyTo reply) {
  if (path == "/v1/lease") {
    handle_lease(body, std::move(reply));
  } else if (path == "/v1/report") {
    handle_report(body, std::move(reply));
  } else if (path == "/v1/register") {
    handle_register(body, reply);
  } else {
    reply({404, "there is /v1/register, /v1/lease and /v1/report\n"});
  }
}

void JobService::handle_register(const std::string& body, const ProtocolServer::ReplyTo& reply) {
  const Result<RegisterRequest> request = decode_register_request(body);
  if (!request) return reply(refusal(request.error(), Request::kRegister));
  const Time time = now();
  const Result<RegisterReply> registered = core_.on_register(request.value(), time);
  if (registered) {
    reply({200, encode(registered.value())});
  } else {
    logs_.warn("refused an agent: " + registered.error().message);
    reply(refusal(registered.error(), Request::kRegister));
  }
  advance(time);
}

void JobService::handle_lease(const std::string& body, ProtocolServer::ReplyTo reply) {
  const Result<LeaseRequest> request = decode_lease_request(body);
  if (!request) return reply(refusal(request.error(), Request::kOther));
  const Time time = now();
  const Result<std::shared_ptr<const LeaseReply>> leased = core_.on_lease(request.value(), time);
  if (!leased) {
    reply(refusal(leased.error(), Request::kOther));
  } else if (leased.value() != nullptr) {
    leases_.erase(request.value().session);
    reply({200, encode(*leased.value())});
  } else {
    leases_.insert_or_assign(request.value().session, std::move(reply));
  }
  advance(time);
}

void JobService::handle_report(const std::string& body, ProtocolServer::ReplyTo reply) {
  Result<ReportRequest> request = decode_report_request(body);
  if (!request) return reply(refusal(request.error(), Request::kOther));
  const Time time = now();
  const std::uint64_t session = request.value().session;
  const Result<std::optional<ReportReply>> reported = core_.on_report(std::move(request).value(), time);
  if (!reported) {
    reply(refusal(reported.error(), Request::kOther));
  } else if (reported.value().has_value()) {
    reports_.erase(session);
    reply({200, encode(*reported.value())});
  } else {
    reports_.insert_or_assign(session, std::move(reply));
  }
  advance(time);
}

void JobService::on_plan(std::uint64_t mini_batches, std::uint64_t items, bool complete) {
  const Time time = now();
  core_.on_plan(mini_batches, items, complete, time);
  logs_.on_plan(mini_batches, complete);
  advance(time);
}

void JobService::on_plan_failed(const Error& error) {
  const Time time = now();
  core_.on_plan_failed(error, time);
  advance(time);
}

void JobService::on_samples() {
  const Time time = now();
  core_.on_samples(time);
  advance(time);
}

void JobService::on_committed(std::uint64_t group) {
  const Time time = now();
  core_.on_committed(group, time);
  advance(time);
}

void JobService::interrupt(const std::string& why) {
  const Time time = now();
  core_.interrupt(why, time);
  advance(time);
}

void JobService::hold(bool held) {
  const Time time = now();
  core_.hold(held, time);
  advance(time);
}

// What every event may have brought about.
void JobService::advance(Time time) {
  Orchestrator::Ready ready = core_.take_ready();
  for (auto& [session, reply] : ready.leases) {
    answer(
        leases_, session,
        reply ? ProtocolServer::Reply{200, encode(*reply.value())} : refusal(reply.error(), Request::kOther));
  }
  for (auto& [session, reply] : ready.reports) {
    answer(
        reports_, session,
        reply ? ProtocolServer::Reply{200, encode(reply.value())} : refusal(reply.error(), Request::kOther));
  }
  if (std::optional<CommitGroup> group = core_.take_group(time)) outputs_.write_group(std::move(*group));
  progress_.progress(core_.progress(), time);
  if (core_.finished() && !std::exchange(told_finished_, true)) outputs_.finished();
}

}  // namespace parallelrun::orchestrator
