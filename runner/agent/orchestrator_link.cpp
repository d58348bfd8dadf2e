#include "runner/agent/orchestrator_link.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace parallelrun::agent {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kOk = 200;
constexpr unsigned kBadRequest = 400;
constexpr unsigned kForbidden = 403;
constexpr unsigned kSessionEnded = 409;
constexpr unsigned kNotNow = 503;
constexpr unsigned kOtherVersion = 426;

constexpr std::size_t kManyResults = 256;
constexpr std::size_t kManyBytes = 1U << 20U;
constexpr std::size_t kManyLogBytes = 256U << 10U;
constexpr milliseconds kResultsLinger{5};
constexpr milliseconds kLogsLinger{250};
constexpr milliseconds kFirstRetry{50};
constexpr milliseconds kLastRetry{2'000};
constexpr milliseconds kRegisterTimeout{15'000};
constexpr milliseconds kLeaseTimeout = kLeasePoll + milliseconds(10'000);
constexpr milliseconds kPatienceWhenDone{5'000};

}  // namespace

OrchestratorLink::OrchestratorLink(const Options& options, LinkTransport& transport, Outbox& outbox,
                                   LogStreams& logs, LinkUser& user)
    : options_(options), transport_(transport), outbox_(outbox), logs_(logs), user_(user) {}

void OrchestratorLink::start(Time now) {
  last_answer_ = now;
  pump(now);
}

void OrchestratorLink::pump(Time now) {
  if (state_ == State::kLeft) return;
  // Once told to leave and with nothing but logs to bring, the orchestrator may have left first.
  const bool done = user_.finished() && outbox_.unacknowledged_results() == 0;
  if (now - last_answer_ > (done ? kPatienceWhenDone : options_.patience)) {
    if (done) {
      state_ = State::kLeft;
      return user_.on_left();
    }
    return hopeless(fmt::format("the orchestrator did not answer for {} s: {}",
                                std::chrono::duration_cast<std::chrono::seconds>(now - last_answer_).count(),
                                last_trouble_));
  }
  if (state_ == State::kUnregistered && now >= registration_.retry_at) register_now(now);
  if (state_ == State::kSession) pump_report(now);
  if (state_ == State::kSession) pump_lease(now);
}

void OrchestratorLink::register_now(Time now) {
  state_ = State::kRegistering;
  transport_.post(Lane::kReport, "/v1/register", encode(options_.registration), kRegisterTimeout,
                  [this, sent = now, generation = generation_](const Result<Answer>& answer, Time then) {
                    if (generation == generation_) on_register_answer(answer, sent, then);
                  });
}

void OrchestratorLink::on_register_answer(const Result<Answer>& answer, Time sent, Time now) {
  state_ = State::kUnregistered;
  if (!accepted(registration_, answer, "registration", now)) return;
  auto reply = decode_register_reply(answer->body);
  if (!reply)
    return hopeless("the orchestrator's answer to the registration cannot be read: " + reply.error().message);
  session_ = std::move(*reply);
  state_ = State::kSession;
  lease_ = {};
  report_ = {};
  if (!user_.on_registered(session_)) {
    state_ = State::kLeft;
    return;
  }
  user_.on_contact(sent);
  pump(now);
}

// --- leases -------------------------------------------------------------------------------------------

void OrchestratorLink::pump_lease(Time now) {
  if (lease_.in_flight || now < lease_.retry_at) return;
  if (lease_.body.empty()) {
    const std::uint32_t want = user_.want();
    if (want == 0) return;
    LeaseRequest request;
    request.session = session_.session;
    request.sequence = ++lease_.sequence;
    request.want = want;
    lease_.body = encode(request);
  }
  send_lease(now);
}

void OrchestratorLink::send_lease(Time now) {
  lease_.in_flight = true;
  lease_.sent = now;
  transport_.post(Lane::kLease, "/v1/lease", lease_.body, kLeaseTimeout,
                  [this, generation = generation_](const Result<Answer>& answer, Time then) {
                    if (generation == generation_) on_lease_answer(answer, then);
                  });
}

void OrchestratorLink::on_lease_answer(const Result<Answer>& answer, Time now) {
  lease_.in_flight = false;
  if (state_ != State::kSession || !accepted(lease_, answer, "lease request", now)) return;
  auto reply = decode_lease_reply(answer->body);
  if (!reply) return hopeless("the orchestrator's leases cannot be read: " + reply.error().message);
  lease_.body.clear();
  user_.on_contact(lease_.sent);
  user_.on_lease_reply(std::move(*reply));
  pump(now);
}

// --- reports ------------------------------------------------------------------------------------------

void OrchestratorLink::pump_report(Time now) {
  if (report_.in_flight || now < report_.retry_at) return;
  if (report_.body.empty()) {
    if (outbox_.waiting_results() == 0) {
      results_wait_since_ = Time{};
    } else if (results_wait_since_ == Time{}) {
      results_wait_since_ = now;
    }
    if (!report_due(now)) {
      if (results_wait_since_ != Time{} && !lingering_) {
        lingering_ = true;
        transport_.wake(results_wait_since_ + kResultsLinger, [this](Time then) {
          lingering_ = false;
          pump(then);
        });
      }
      return;
    }
    make_report(now);
  }
  send_report(now);
}

bool OrchestratorLink::report_due(Time now) const {
  if (now - report_.sent >= session_.heartbeat / 2) return true;
  if (user_.finished()) return true;
  if (now - report_.sent >= session_.heartbeat / 10 && user_.counts_are_news()) return true;
  if (!outbox_.nothing_waits()) {
    const bool only_failures = outbox_.waiting_results() == 0;
    if (only_failures || user_.results_are_urgent()) return true;
    if (outbox_.waiting_results() >= kManyResults || outbox_.waiting_bytes() >= kManyBytes) return true;
    if (now - results_wait_since_ >= kResultsLinger) return true;
  }
  const std::size_t log_bytes = logs_.waiting_bytes();
  return log_bytes >= kManyLogBytes || (log_bytes > 0 && now - logs_shipped_ >= kLogsLinger);
}

void OrchestratorLink::make_report(Time now) {
  const bool finished = user_.finished();
  reported_ = {};
  reported_.session = session_.session;
  reported_.sequence = ++report_.sequence;
  outbox_.fill(reported_);
  results_wait_since_ = Time{};
  reported_.logs = std::exchange(carried_logs_, {});
  if (finished || now - logs_shipped_ >= kLogsLinger || logs_.waiting_bytes() >= kManyLogBytes) {
    logs_.fill(reported_.logs, now, finished);
    logs_shipped_ = now;
  }
  user_.fill_counts(reported_);
  reported_.leaving = finished && outbox_.nothing_waits() && logs_.waiting_bytes() == 0;
  report_.body = encode(reported_);
}

void OrchestratorLink::send_report(Time now) {
  report_.in_flight = true;
  report_.sent = now;
  transport_.post(Lane::kReport, "/v1/report", report_.body, report_timeout(),
                  [this, generation = generation_](const Result<Answer>& answer, Time then) {
                    if (generation == generation_) on_report_answer(answer, then);
                  });
}

void OrchestratorLink::on_report_answer(const Result<Answer>& answer, Time now) {
  report_.in_flight = false;
  if (state_ != State::kSession || !accepted(report_, answer, "report", now)) return;
  auto reply = decode_report_reply(answer->body);
  if (!reply)
    return hopeless("the orchestrator's answer to a report cannot be read: " + reply.error().message);
  report_.body.clear();
  outbox_.acknowledged(reported_);
  const bool left = reported_.leaving;
  reported_ = {};
  user_.on_contact(report_.sent);
  if (left) {
    state_ = State::kLeft;
    transport_.cancel(Lane::kLease);
    return user_.on_left();
  }
  user_.on_directive(reply->directive);
  pump(now);
}

milliseconds OrchestratorLink::report_timeout() const {
  // A lost peer is found out well before the session ends; a large report on a slow line is given time.
  const milliseconds third = session_.session_timeout / 3;
  const milliseconds transfer(report_.body.size() >> 10U);
  return std::clamp(third, milliseconds(2'000), milliseconds(30'000)) + transfer;
}

// --- answers that are none ----------------------------------------------------------------------------

bool OrchestratorLink::accepted(Exchange& exchange, const Result<Answer>& answer, const char* what,
                                Time now) {
  if (!answer) {
    last_trouble_ = answer.error().message;
    // Nothing that passes by itself, such as a certificate of another job.
    if (!answer.error().retryable && state_ == State::kUnregistered &&
        now - last_answer_ >= options_.refusal_patience) {
      hopeless(last_trouble_);
    } else {
      fail(exchange, now);
    }
    return false;
  }
  if (answer->status == kOk) {
    last_answer_ = now;
    exchange.failures = 0;
    return true;
  }
  last_trouble_ = fmt::format("{} answered with {}: {}", what, answer->status, answer->body.substr(0, 1000));
  if (answer->status == kBadRequest || answer->status == kForbidden || answer->status == kOtherVersion) {
    hopeless("the orchestrator refused this agent's " + last_trouble_);
  } else if (answer->status == kSessionEnded && state_ == State::kSession) {
    last_answer_ = now;
    session_ended();
  } else if (answer->status == kSessionEnded) {
    hopeless("the orchestrator refused this agent's " + last_trouble_);
  } else {
    // Who is asked to register again waits for the check of the inputs; later only a stranger answers so.
    if (answer->status == kNotNow && state_ != State::kSession) last_answer_ = now;
    fail(exchange, now);
  }
  return false;
}

void OrchestratorLink::fail(Exchange& exchange, Time now) {
  const int shift = std::min(exchange.failures++, 10);
  exchange.retry_at = now + std::min(kFirstRetry * (1 << shift), kLastRetry);
}

// Unacknowledged results belong to attempts that the orchestrator still knows or has committed otherwise:
// it decides. They go first in the new session.
void OrchestratorLink::session_ended() {
  user_.on_session_ended(session_.session);
  if (!report_.body.empty()) {
    outbox_.put_back(reported_);
    carried_logs_ = std::move(reported_.logs);
    reported_ = {};
  }
  state_ = State::kUnregistered;
  ++generation_;
  transport_.cancel(Lane::kLease);
  transport_.cancel(Lane::kReport);
  lease_ = {};
  report_ = {};
  registration_ = {};
}

void OrchestratorLink::hopeless(std::string why) {
  if (state_ == State::kLeft) return;
  state_ = State::kLeft;
  user_.on_hopeless(std::move(why));
}

}  // namespace parallelrun::agent
