// How the requests of an agent travel to its orchestrator, and how its link is woken: HTTP and a timer on a
// real machine (http_transport.h), a network in virtual time in tests/simulation.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "common/result/result.h"
#include "runner/agent/standstills.h"

namespace parallelrun::agent {

class LinkTransport {
 public:
  // A lane carries one request at a time.
  enum class Lane { kLease, kReport };  // registrations go with the reports
  struct Answer {
    unsigned status = 0;  // HTTP status
    std::string body;
  };
  // Errors: kUnavailable (retryable unless the peer is not trusted), kCorrupt, kAborted after cancel().
  using Done = std::function<void(Result<Answer>, Time now)>;

  virtual ~LinkTransport() = default;
  // Precondition: nothing is in flight on the lane. `done` is called once at most, never before post() has
  // returned; after `timeout` with an error, whether or not the request has come to the orchestrator.
  virtual void post(Lane lane, const std::string& path, std::string body, std::chrono::milliseconds timeout,
                    Done done) = 0;
  virtual void cancel(Lane lane) = 0;
  // `then` is called at `when`, or a little later. One call at a time is asked for.
  virtual void wake(Time when, std::function<void(Time now)> then) = 0;
};

}  // namespace parallelrun::agent
