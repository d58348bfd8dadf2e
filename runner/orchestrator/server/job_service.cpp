#include "runner/orchestrator/server/job_service.h"

#include <new>
#include <utility>

namespace parallelrun::orchestrator {
namespace {

constexpr std::chrono::seconds kAskOurs{1};
// A registration is parked for less than an agent waits for its answer (orchestrator_link.cpp).
constexpr std::chrono::seconds kParked{10};

Time now() { return std::chrono::steady_clock::now(); }

enum class Asked { kRegister, kOther };

// 409 tells an agent to register anew, so a refused registration says 403: trying again cannot help.
ProtocolServer::Reply refusal(const Error& error, Asked asked) {
  unsigned status = 500;
  switch (error.code) {
    case ErrorCode::kConflict:
      status = asked == Asked::kRegister ? 403 : 409;
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

// A report is large at times, and its rows are copied out of it. Where there is no memory for that, the agent
// comes again; nothing has been taken of it yet. What follows changes the state of the job: there, want of
// memory ends this process, which can be started again.
Result<ReportRequest> decode_within_memory(const std::string& body) {
  try {
    return decode_report_request(body);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kUnavailable, "there is not enough memory for this report now", true};
  }
}

Error other_session() {
  return {ErrorCode::kConflict, "this agent has no such session; register again", false};
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
                       ProgressStream& progress, Outputs outputs, Admission admission)
    : core_(core),
      logs_(logs),
      progress_(progress),
      outputs_(std::move(outputs)),
      admission_(std::move(admission)),
      timer_(io) {}

void JobService::start(bool checking) {
  checking_ = checking;
  advance(now());
  tick();
}

void JobService::stop() {
  timer_.cancel();
  leases_.clear();
  reports_.clear();
  waiting_.clear();
}

void JobService::on_checked() {
  if (std::exchange(checking_, false)) core_.on_inputs_checked(now());
  for (const Waiting& one : std::exchange(waiting_, {})) handle_register(one.request, one.reply);
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
    std::erase_if(waiting_, [time](const Waiting& one) {
      if (time < one.until) return false;
      one.reply({503, "the inputs are being checked; register again\n"});
      return true;
    });
    core_.tick(time);
    advance(time);
    logs_.refresh(core_.progress(), core_.silences());
    tick();
  });
}

std::optional<ProtocolServer::Reply> JobService::admit(const std::string& path, const Caller& caller) {
  const Status allowed = admission_.check(caller);
  if (!allowed) {
    logs_.refused_caller(caller.agent, allowed.error().message);
    return ProtocolServer::Reply{403, allowed.error().message + "\n"};
  }
  if (path == "/v1/register" || !admission_.asks_for_proof()) return std::nullopt;
  if (core_.on_sign_of_life(caller.agent, now())) return std::nullopt;
  return ProtocolServer::Reply{409, "the session has ended; register again\n"};
}

void JobService::handle(const Request& request, ProtocolServer::ReplyTo reply) {
  if (request.path == "/v1/lease") {
    handle_lease(request, std::move(reply));
  } else if (request.path == "/v1/report") {
    handle_report(request, std::move(reply));
  } else if (request.path == "/v1/register") {
    handle_register(request, reply);
  } else {
    reply({404, "use /v1/register, /v1/lease or /v1/report\n"});
  }
}

bool JobService::speaks_for(const Caller& caller, std::uint64_t session) const {
  return !admission_.asks_for_proof() || core_.speaks_for(caller.agent, session);
}

void JobService::handle_register(const Request& request, const ProtocolServer::ReplyTo& reply) {
  const Result<RegisterRequest> asked = decode_register_request(request.body);
  if (!asked) return reply(refusal(asked.error(), Asked::kRegister));
  const Caller& caller = request.caller;
  if (admission_.asks_for_proof() && asked->agent_name != caller.agent) {
    const std::string why =
        "agent " + caller.agent + " cannot register as another one, '" + asked->agent_name + "'";
    logs_.refused_caller(caller.agent, why);
    return reply({403, why + "\n"});
  }
  const Time time = now();
  if (checking_) {
    waiting_.push_back({request, reply, time + kParked});
    return;
  }
  const std::string proof = admission_.asks_for_proof() ? caller.proof : std::string();
  const Result<RegisterReply> registered = core_.on_register(asked.value(), proof, time);
  if (registered) {
    outputs_.registered(*asked);
    reply({200, encode(registered.value())});
  } else {
    logs_.warn("refused an agent: " + registered.error().message);
    reply(refusal(registered.error(), Asked::kRegister));
  }
  advance(time);
}

void JobService::handle_lease(const Request& request, ProtocolServer::ReplyTo reply) {
  const Result<LeaseRequest> asked = decode_lease_request(request.body);
  if (!asked) return reply(refusal(asked.error(), Asked::kOther));
  if (!speaks_for(request.caller, asked->session)) return reply(refusal(other_session(), Asked::kOther));
  const Time time = now();
  const Result<std::shared_ptr<const LeaseReply>> leased = core_.on_lease(asked.value(), time);
  if (!leased) {
    reply(refusal(leased.error(), Asked::kOther));
  } else if (leased.value() != nullptr) {
    leases_.erase(asked->session);
    reply({200, encode(*leased.value())});
  } else {
    leases_.insert_or_assign(asked->session, std::move(reply));
  }
  advance(time);
}

void JobService::handle_report(const Request& request, ProtocolServer::ReplyTo reply) {
  Result<ReportRequest> report = decode_within_memory(request.body);
  if (!report) return reply(refusal(report.error(), Asked::kOther));
  if (!speaks_for(request.caller, report->session)) return reply(refusal(other_session(), Asked::kOther));
  const Time time = now();
  const std::uint64_t session = report->session;
  const Result<std::optional<ReportReply>> reported = core_.on_report(std::move(report).value(), time);
  if (!reported) {
    reply(refusal(reported.error(), Asked::kOther));
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

void JobService::on_parts(std::uint64_t request, PartCutter::Cut parts) {
  const Time time = now();
  core_.on_parts(request, std::move(parts), time);
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
        reply ? ProtocolServer::Reply{200, encode(*reply.value())} : refusal(reply.error(), Asked::kOther));
  }
  for (auto& [session, reply] : ready.reports) {
    answer(reports_, session,
           reply ? ProtocolServer::Reply{200, encode(reply.value())} : refusal(reply.error(), Asked::kOther));
  }
  if (std::optional<CommitGroup> group = core_.take_group(time)) outputs_.write_group(std::move(*group));
  progress_.progress(core_.progress(), time);
  if (core_.finished() && !std::exchange(told_finished_, true)) outputs_.finished();
}

}  // namespace parallelrun::orchestrator
