#include <fmt/format.h>

#include <algorithm>

#include "common/json/members.h"
#include "common/text/presentable.h"
#include "operator/decide/decision.h"
#include "operator/decide/stage_of_work.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using std::chrono::seconds;

// Pods that are younger than this are expected to become ready yet, so their number is not worth a write.
constexpr seconds kTimeToSettle{10};
constexpr seconds kFirstLook{5};
constexpr seconds kLongestLook{300};
// A worker that failed so often in a row is told of, until a pod of it has run for so long.
constexpr std::int64_t kFailuresTold = 2;
constexpr seconds kSteady{60};

// When a pod that was made then is looked at again: after 5, 10, 20 ... s, later every 5 minutes.
WallTime next_look(WallTime created, WallTime now) {
  seconds step = kFirstLook;
  WallTime next = created + step;
  while (next <= now) {
    next += step;
    step = std::min(2 * step, kLongestLook);
    if (next + kLongestLook < now) next += (now - next) / kLongestLook * kLongestLook;
  }
  return next;
}

// A time in whole seconds that is not before `time`.
std::string rounded_up(WallTime time) { return format_wall_time(std::chrono::ceil<seconds>(time)); }

json place_of(const Slot& slot) {
  json place = {{"incarnation", slot.incarnation}};
  if (slot.failures != 0) place["failures"] = slot.failures;
  if (slot.not_before) place["notBefore"] = rounded_up(*slot.not_before);
  return place;
}

}  // namespace

std::string without_digits(const std::string& text) {
  std::string rest;
  std::copy_if(text.begin(), text.end(), std::back_inserter(rest), [](char c) { return c < '0' || c > '9'; });
  return rest;
}

std::string Decision::pod_of(const Slot& slot) const {
  return pod_name(facts_.name,
                  {.role = slot.role, .index = slot.index, .incarnation = slot.incarnation, .ended = {}});
}

const Refusal* Decision::refusal_of(const std::string& object) const {
  const auto found = refusals_.find(object);
  return found == refusals_.end() ? nullptr : found->second;
}

void Decision::event(bool warning, std::string reason, const std::string& message, std::string same_as) {
  plan_.events.push_back({.warning = warning,
                          .reason = std::move(reason),
                          .message = presentable(message),
                          .same_as = std::move(same_as)});
}

void Decision::again_at(WallTime time) {
  if (!plan_.again_at || time < *plan_.again_at) plan_.again_at = time;
}

std::int64_t Decision::ready_replicas(std::int64_t before) {
  std::int64_t ready = 0;
  bool young = false;
  for (const Slot& slot : slots_.workers) {
    if (slot.current == nullptr) continue;
    // One that was told to leave is counted until the job ends: its going is no news.
    if ((slot.current->ready && !slot.current->deleting) || loss_of(*slot.current) == Loss::kLeft) {
      ++ready;
    } else if (now_ < slot.current->created + kTimeToSettle) {
      young = true;
      if (slot.current->created <= now_) again_at(slot.current->created + kTimeToSettle);
    }
  }
  if (ready == before || ready == facts_.node_count || ready == 0 || status_.changed()) return ready;
  if (vanished_) return ready;  // told once
  // In steps of a tenth, so that a thousand workers are not a thousand writes.
  const bool worth_it = 10 * std::abs(ready - before) >= facts_.node_count;
  return young || !worth_it ? before : ready;
}

// What status says of pods, besides how ready they are.
void Decision::record_pods() {
  json orchestrator = place_of(slots_.orchestrator);
  const PodView* pod = slots_.orchestrator.current;
  if (pod != nullptr && runs(*pod)) {
    orchestrator["uid"] = pod->uid;
  } else if (!facts_.orchestrator_uid.empty() &&
             slots_.orchestrator.incarnation == facts_.orchestrator.incarnation) {
    orchestrator["uid"] = facts_.orchestrator_uid;
  }
  status_.set("orchestrator", std::move(orchestrator));

  // Places of workers that a smaller nodeCount has no room for are kept: incarnations only grow.
  std::map<std::uint32_t, json> places;
  for (const auto& [index, recorded] : facts_.workers) {
    Slot slot;
    slot.incarnation = recorded.incarnation;
    slot.failures = recorded.failures;
    slot.not_before = recorded.not_before;
    places[index] = place_of(slot);
  }
  for (const Slot& slot : slots_.workers) {
    if (slot.incarnation != 0) places[slot.index] = place_of(slot);
  }
  json workers = json::array();
  for (auto& [index, place] : places) {
    place["index"] = index;
    workers.push_back(std::move(place));
  }
  if (!workers.empty()) status_.set("workers", std::move(workers));
  if (failures_ != 0 || status_.draft().contains("infrastructureFailures")) {
    status_.set("infrastructureFailures", failures_);
  }
  if (spec_problem_) return;

  const std::int64_t replicas = std::int64_t{facts_.node_count} - static_cast<std::int64_t>(missing_workers_);
  const bool scaled = facts_.start_time && !facts_.suspended &&
                      facts_.observed_generation != facts_.generation && replicas != facts_.replicas;
  if (scaled) event(false, "Scaled", fmt::format("From {} to {} worker pods", facts_.replicas, replicas));
  status_.set("replicas", replicas);
}

void Decision::tell(bool holds, const std::string& reason, const std::string& message) {
  const json* before = find_condition(status_.draft(), "Running");
  const bool same = before != nullptr && text_at(*before, "reason") == reason &&
                    text_at(*before, "status") == (holds ? "True" : "False");
  const std::string told = same ? text_at(*before, "message") : std::string();
  // The scheduler counts nodes anew and the kubelet its tries; that is no news. Nor is another pod of the
  // same trouble.
  const bool keep = same && (without_digits(told) == without_digits(message) || reason == "ImagePullFailed");
  const std::string text = keep ? told : message;
  status_.condition("Running", holds, reason, text);
  const bool quiet = reason == "Running" || reason == "Starting";
  status_.set("state", holds ? "Running" : "Pending");
  status_.message(text);
  if (!same && !quiet) event(true, reason, text);
}

// The worker that has failed most often in a row.
std::optional<Obstacle> Decision::failing_worker() {
  const Slot* worst = nullptr;
  for (const Slot& slot : slots_.workers) {
    if (slot.failures < kFailuresTold || is_steady(slot)) continue;
    if (worst == nullptr || slot.failures > worst->failures) worst = &slot;
  }
  if (worst == nullptr) return std::nullopt;
  const std::string why =
      worst->older.empty() ? "see the events of the job" : reason_of_loss(*worst->older.back());
  return Obstacle{
      "WorkersFailing",
      fmt::format("worker {} fails again and again. The last failure: {}. It is started again after longer "
                  "and longer pauses (at most {} s)",
                  worst->index, why, kLongestPause.count())};
}

bool Decision::is_steady(const Slot& slot) {
  if (slot.current == nullptr || !runs(*slot.current)) return false;
  if (slot.failures < kFailuresTold) return true;
  const WallTime proven = slot.current->created + kSteady;
  if (now_ < proven && slot.current->created <= now_) again_at(proven);
  return now_ >= proven;
}

void Decision::record_running() {
  const PodView* orchestrator = slots_.orchestrator.current;
  const bool orchestrator_runs = orchestrator != nullptr && runs(*orchestrator);
  const auto look = [&](const PodView& pod, std::optional<Obstacle>& obstacle) {
    if (loss_of(pod) != Loss::kNone || runs(pod)) return;
    if (!obstacle) obstacle = obstacle_of(pod, now_);
    if (!pod.unscheduled_reason.empty() && now_ < pod.created + kTimeToSchedule)
      again_at(pod.created + kTimeToSchedule);
    if (!is_stuck(pod)) return;
    again_at(next_look(pod.created, now_));
    if (now_ >= pod.created + kTimeToStart) plan_.read_warnings_of.push_back(pod.name);
  };
  if (orchestrator != nullptr) look(*orchestrator, orchestrator_obstacle_);
  bool worker_runs = false;
  for (const Slot& slot : slots_.workers) {
    if (slot.current == nullptr) continue;
    look(*slot.current, worker_obstacle_);
    worker_runs = worker_runs || is_steady(slot);
  }
  if (!worker_obstacle_) worker_obstacle_ = failing_worker();

  if (spec_problem_) {
    tell(orchestrator_runs, JobFacts::kInvalidSpec,
         fmt::format("the spec was changed and is not valid any more: {}. Correct it with kubectl edit or "
                     "apply. Until then {}",
                     *spec_problem_,
                     orchestrator_runs
                         ? "the running pods go on with the last valid spec, and no lost pod is replaced"
                         : "the job waits, because its orchestrator does not run and cannot be replaced"));
  } else if (!orchestrator_runs) {
    const std::optional<Obstacle>& obstacle = object_obstacle_ ? object_obstacle_ : orchestrator_obstacle_;
    if (obstacle) {
      tell(false, obstacle->reason, obstacle->message);
    } else {
      tell(false, "Starting", "The orchestrator's pod is starting");
    }
  } else if (worker_obstacle_ && !worker_runs) {
    tell(false, worker_obstacle_->reason, worker_obstacle_->message);
  } else if (worker_obstacle_) {
    tell(true, "WorkersMissing", "Not all workers run: " + worker_obstacle_->message);
  } else {
    tell(true, "Running", work_in_words(object_at(object_at(snapshot_.job, "status"), "progress")));
  }

  status_.set("readyReplicas", ready_replicas(facts_.ready_replicas));
}

}  // namespace parallelrun::op
