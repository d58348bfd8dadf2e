// The agent's side of the protocol: registers, keeps one lease request and one report in flight, sends
// again what got no answer, and registers anew when a session has ended. Pure: time comes in, requests go out
// through a LinkTransport. One thread; decides nothing about work (agent_core.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "runner/agent/link_transport.h"
#include "runner/agent/log_streams.h"
#include "runner/agent/outbox.h"
#include "runner/agent/standstills.h"
#include "runner/protocol/messages.h"

namespace parallelrun::agent {

// The agent behind the link.
class LinkUser {
 public:
  virtual ~LinkUser() = default;
  // Again after a session has ended. False: the agent cannot work with it and is ending.
  virtual bool on_registered(const RegisterReply& reply) = 0;
  // The orchestrator knows the session no more; another registration follows.
  virtual void on_session_ended(std::uint64_t session) = 0;
  virtual void on_contact(Time sent) = 0;
  virtual void on_lease_reply(LeaseReply reply) = 0;
  virtual void on_directive(Directive directive) = 0;
  virtual std::uint32_t want() const = 0;
  virtual void fill_counts(ReportRequest& report) = 0;
  // Something in the counts shall be told soon, if need be by a report of its own.
  virtual bool counts_are_news() const = 0;
  virtual bool results_are_urgent() const = 0;    // no process is busy: there is nothing to wait for
  virtual bool finished() const = 0;              // the next report that empties the outbox is the last
  virtual void on_left() = 0;                     // the last report has been acknowledged
  virtual void on_hopeless(std::string why) = 0;  // refused, or not reached for longer than `patience`
};

class OrchestratorLink {
 public:
  struct Options {
    RegisterRequest registration;
    std::chrono::milliseconds patience{600'000};    // without any answer, then the agent ends
    std::chrono::milliseconds refusal_patience{0};  // with a peer that is not trusted, before a session
  };

  // All must outlive the link.
  OrchestratorLink(const Options& options, LinkTransport& transport, Outbox& outbox, LogStreams& logs,
                   LinkUser& user);

  void start(Time now);
  // Something changed: sends what is due. Also to be called every 50 ms or so.
  void pump(Time now);

 private:
  using Answer = LinkTransport::Answer;
  using Lane = LinkTransport::Lane;
  enum class State { kUnregistered, kRegistering, kSession, kLeft };
  // A request that is sent until it is answered.
  struct Exchange {
    std::uint64_t sequence = 0;
    std::string body;  // not empty: in flight or to be sent again
    bool in_flight = false;
    int failures = 0;
    Time sent{};
    Time retry_at{};
  };

  void register_now(Time now);
  void on_register_answer(const Result<Answer>& answer, Time sent, Time now);
  void pump_lease(Time now);
  void send_lease(Time now);
  void on_lease_answer(const Result<Answer>& answer, Time now);
  void pump_report(Time now);
  bool report_due(Time now) const;
  void make_report(Time now);
  void send_report(Time now);
  void on_report_answer(const Result<Answer>& answer, Time now);
  void session_ended();
  // True: the answer is a 200 whose body may be decoded. Otherwise everything has been seen to.
  bool accepted(Exchange& exchange, const Result<Answer>& answer, const char* what, Time now);
  void fail(Exchange& exchange, Time now);
  void hopeless(std::string why);
  std::chrono::milliseconds report_timeout() const;

  Options options_;
  LinkTransport& transport_;
  Outbox& outbox_;
  LogStreams& logs_;
  LinkUser& user_;
  bool lingering_ = false;

  State state_ = State::kUnregistered;
  std::uint64_t generation_ = 0;  // of sessions: an answer to a request of an earlier one is not heard
  RegisterReply session_;
  Exchange registration_;
  Exchange lease_;
  Exchange report_;
  ReportRequest reported_;              // what report_ carries
  std::vector<LogChunk> carried_logs_;  // of a report whose session has ended
  Time last_answer_{};
  Time results_wait_since_{};
  Time logs_shipped_{};
  std::string last_trouble_;
};

}  // namespace parallelrun::agent
