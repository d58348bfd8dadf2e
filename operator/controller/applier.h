// Does what a plan says, in its order: status and beside it what pods need, events, removals, pods.
#pragma once

#include <spdlog/logger.h>

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/kube/kube_client.h"
#include "operator/controller/event_recorder.h"
#include "operator/controller/fan_out.h"
#include "operator/controller/job_memories.h"
#include "operator/controller/observer.h"
#include "operator/decide/plan.h"

namespace parallelrun::op {

struct ApplyResult {
  bool wrote = false;    // something is different now: decide again
  bool refused = false;  // the server said no to something; it is in the memory: decide again
  bool gone = false;     // the job does not exist any more
  // A failure that passes by itself, or a conflict: what stands beside it may be done, nothing after it.
  // Empty: none.
  std::string failure;
  kube::Duration at_least{};             // before trying again, as the server asked
  std::optional<kube::Time> held_until;  // writes that wait because they were refused lately
};

// Thread-safe for different jobs. References must outlive it.
class Applier {
 public:
  struct Context {
    kube::KubeClient& client;
    JobMemories& memories;
    EventRecorder& events;
    FanOut& fan_out;
    Observer& observer;
    std::shared_ptr<spdlog::logger> log;
    const Settings& settings;
    std::stop_token give_up;  // ends requests under way
  };
  explicit Applier(Context context) : context_(std::move(context)) {}

  // `snapshot` is what the plan was decided on.
  ApplyResult apply(const Snapshot& snapshot, const Plan& plan);

 private:
  class Run;
  Context context_;
};

}  // namespace parallelrun::op
