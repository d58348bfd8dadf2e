// Holds a coordination.k8s.io/v1 Lease: leader election of the operator, fencing of one job's orchestrator.
// It decides nothing (see LeaseState) and has no thread: `run` works on the caller's.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "common/json/json.h"
#include "common/kube/kube_client.h"
#include "common/kube/lease_state.h"

namespace parallelrun::kube {

struct LeaseTarget {
  std::string name_space;
  std::string name;
  std::string field_manager;
  // Of the Lease if it is created here; one that exists keeps its own.
  std::map<std::string, std::string> labels;
  nlohmann::json owner_references = nlohmann::json::array();
};

class LeaseElection {
 public:
  // Called by `run`, on its thread, after each change of standing. The first is never kWaiting. Should not
  // block: while it does, nothing is renewed.
  using OnChange = std::function<void(LeaseStanding)>;

  // `transport` must outlive this object; no rate limiter should be in it, lest renewals queue behind other
  // requests. `options.random` may be empty. Throws std::invalid_argument where check_lease_options does not
  // agree.
  LeaseElection(Transport& transport, LeaseTarget target, LeaseOptions options, OnChange on_change);

  // To be called once. Returns when the Lease is lost, or when `stop` is requested and it is given back (or
  // release_limit is over). While kUncertain it goes on trying; who wants to leave then, stops it.
  void run(const std::stop_token& stop);

  // The functions below may be called from any thread.

  // As of this moment: kUncertain is told in time even while a request of `run` hangs.
  LeaseStanding standing() const;
  // Who held it when it was last looked at; empty: nobody, or not known.
  std::string holder() const;
  // How often it changed hands, as of the last look; what logs and fencing tokens are made of.
  int transitions() const;
  // The last failure since the last answer.
  std::optional<ApiError> last_error() const;

 private:
  // Bounds the requests of the client in time.
  class Hurried final : public Transport {
   public:
    explicit Hurried(Transport& next) : next_(next) {}
    void set_limit(std::chrono::milliseconds limit) { limit_ = limit; }
    ApiResult<Response> send(const Request& request, const std::stop_token& stop) override;
    ApiResult<Response> stream(const Request& request, const LineSink& sink,
                               const std::stop_token& stop) override;

   private:
    Transport& next_;
    std::chrono::milliseconds limit_{};
  };

  void step(const LeaseState::Action& action, const std::stop_token& stop);
  void tell(const ApiResult<nlohmann::json>& answer, bool written);
  void report();
  std::chrono::milliseconds request_limit(Time now) const;
  nlohmann::json body_of(const LeaseRecord& record) const;

  const LeaseTarget target_;
  const LeaseOptions options_;
  const OnChange on_change_;
  Hurried transport_;
  KubeClient client_;
  nlohmann::json last_body_;  // of the Lease as last seen; of the thread of `run`
  LeaseStanding reported_ = LeaseStanding::kWaiting;
  mutable std::mutex mutex_;
  LeaseState state_;                    // guarded by mutex_
  std::optional<ApiError> last_error_;  // guarded by mutex_
};

// The Lease's JSON and back; what is missing or of another type reads as empty.
LeaseRecord lease_record(const nlohmann::json& lease);
// Sets `spec` of `lease` and, if there is one, the resource version; every other field stays.
void set_lease_record(nlohmann::json& lease, const LeaseRecord& record);

}  // namespace parallelrun::kube
