// Events of jobs (events.k8s.io/v1), written behind the decisions: they never hold one up, and are the first
// thing to go when there are too many.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "common/json/json.h"
#include "common/kube/kube_client.h"
#include "common/kube/rfc3339.h"
#include "common/kube/time.h"
#include "operator/decide/plan.h"

namespace parallelrun::op {

// Whether one more event about an object may be written: a burst, then one in a while. Not thread-safe.
class EventBudget {
 public:
  struct Options {
    double burst = 20;
    kube::Duration refill = std::chrono::minutes(1);  // for one event
  };
  explicit EventBudget(Options options) : options_(options) {}

  bool take(const std::string& object, kube::Time now);

 private:
  struct Bucket {
    double tokens;
    kube::Time at;
  };
  Options options_;
  std::map<std::string, Bucket> buckets_;
  kube::Time swept_{};
};

// The event as an object. Its name is computed from job and content: the same thing said again is the same
// object, whose series then counts it.
nlohmann::json event_object(const nlohmann::json& job, const JobEvent& event, const std::string& instance,
                            kube::WallTime now);

class EventRecorder {
 public:
  struct Options {
    std::string instance;  // which operator says it: the pod's name
    std::size_t longest_queue = 1000;
    EventBudget::Options budget;
    // Told of what was not written, with a sentence why; may be empty. Any thread.
    std::function<void(const std::string&)> on_dropped;
  };

  // One thread of its own. `client` must outlive it.
  EventRecorder(kube::KubeClient& client, Options options);
  // Writes what waits for two seconds at most, then gives up the rest.
  ~EventRecorder();
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  // Thread-safe; returns at once.
  void record(const nlohmann::json& job, const JobEvent& event);

 private:
  void work(const std::stop_token& stop);
  void write(const nlohmann::json& event);
  void drop(const nlohmann::json& event, const std::string& why) const;

  kube::KubeClient& client_;
  const Options options_;
  std::mutex mutex_;
  std::condition_variable_any woken_;
  std::deque<nlohmann::json> waiting_;
  EventBudget budget_;
  std::map<std::string, std::int64_t> said_;  // times that an event was said, by name; of the thread
  std::stop_source give_up_;                  // ends requests
  std::jthread thread_;
};

}  // namespace parallelrun::op
