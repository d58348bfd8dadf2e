// Holding a Lease as a state machine: answers of the API server and the time go in, the next request and what
// may be believed come out. It has no clock, thread or connection; `LeaseElection` drives it. Not
// thread-safe.
//
// Another's Lease is judged by our own time since its record last changed, never by the times in it. So
// clocks may show anything; only their speeds must not differ by more than lease_duration : renew_deadline.
// At most one contender is kHeld at any moment, unless somebody deletes the Lease or edits its holder by
// hand, or a holder in `ended_holders` is alive after all.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <variant>

#include "common/kube/rfc3339.h"
#include "common/kube/time.h"
#include "common/result/result.h"

namespace parallelrun::kube {

// `spec` of a coordination.k8s.io/v1 Lease, and the version it was read at.
struct LeaseRecord {
  std::string holder;  // empty: nobody
  std::chrono::seconds duration{0};
  std::string acquire_time;  // as they were written
  std::string renew_time;
  int transitions = 0;
  std::string resource_version;
  bool operator==(const LeaseRecord&) const = default;
};

struct LeaseOptions {
  std::string identity;  // of this process and of no other one, ever: a pod's name with its uid, say
  // client-go's defaults. A Lease not renewed for `lease_duration` (whole seconds) may be taken. One that we
  // could not renew for `renew_deadline` since the last renewal was sent is not sure to be ours any more.
  Duration lease_duration = std::chrono::seconds(15);
  Duration renew_deadline = std::chrono::seconds(10);
  Duration retry_period = std::chrono::seconds(2);   // between renewals, and between looks at another's Lease
  double jitter = 0.2;                               // that part of retry_period at most is added at random
  Duration release_limit = std::chrono::seconds(5);  // for giving the Lease back
  std::set<std::string> ended_holders;               // known to be dead: their Lease is taken at once
  std::function<double()> random;                    // uniform in [0, 1)
};

// kInvalidArgument where the times contradict each other, with the rule.
Status check_lease_options(const LeaseOptions& options);

enum class LeaseStanding {
  kWaiting,    // not ours yet
  kHeld,       // ours, and nobody else can have it now
  kUncertain,  // was ours and is not renewed since renew_deadline; nobody else has been seen. May become
               // kHeld again, in which case nobody else had it meanwhile, or kLost
  kLost,       // another holder, or a later transition, was seen; for good
  kGivenUp,    // we were stopped; for good
};

class LeaseState {
 public:
  struct Get {};
  struct Create {
    LeaseRecord record;
  };
  struct Replace {
    LeaseRecord record;  // resource_version is the one that must be stored still
  };
  struct Wait {
    Time until;
  };
  struct Over {};  // nothing more to do: lost, or given up
  using Action = std::variant<Get, Create, Replace, Wait, Over>;

  // Precondition: check_lease_options(options) is ok.
  explicit LeaseState(LeaseOptions options) : options_(std::move(options)) {}

  // What to do at `now`. The outcome of a Get, Create or Replace has to be told, by one of the functions
  // below, before the next call. `wall` only goes into the record, for people to read.
  Action next(Time now, WallTime wall);

  void on_record(Time now, const LeaseRecord& record);   // answer to Get
  void on_absent(Time now);                              // Get: kNotFound
  void on_written(Time now, const LeaseRecord& record);  // Create, Replace: what is stored now
  void on_conflict(Time now);                            // Create: kAlreadyExists; Replace: kConflict
  void on_failed(Time now);                              // anything else; a write may have taken place or not

  // From now on the Lease counts as given up, and is given back so that the next holder need not wait. To be
  // called when the work that it protects has ended.
  void stop(Time now);

  LeaseStanding standing(Time now) const;
  // Where kHeld becomes kUncertain unless it is renewed; nothing where it is not held.
  std::optional<Time> held_until() const;
  // The record as it was last seen or written; nothing where there was none.
  const std::optional<LeaseRecord>& record() const { return known_; }

 private:
  bool may_take(Time now) const;
  Time expiry() const;
  LeaseRecord own_record(WallTime wall) const;
  Duration pause() const;
  Action next_when_stopping(Time now, WallTime wall);

  LeaseOptions options_;
  std::optional<LeaseRecord> known_;
  Time changed_at_{};   // when known_ was first seen as it is
  bool fresh_ = false;  // known_ (or its absence) is an answer and nothing was sent since
  bool held_ = false;   // a write of ours was confirmed
  bool lost_ = false;
  bool over_ = false;
  bool releasing_ = false;         // the write under way gives the Lease back
  bool maybe_ours_ = false;        // a write that makes it ours was sent
  int own_transitions_ = 0;        // of the record that made it ours
  int attempted_transitions_ = 0;  // of the last write
  int conflicts_ = 0;              // in a row
  Time sent_at_{};                 // the last write
  Time held_until_{};
  Time next_try_{};
  std::optional<Time> stop_by_;
};

}  // namespace parallelrun::kube
