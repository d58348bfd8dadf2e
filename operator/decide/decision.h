// One decision in the making. Internal to the room: decide() is what there is to call.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/decide/job_facts.h"
#include "operator/decide/obstacles.h"
#include "operator/decide/plan.h"
#include "operator/decide/runner_result.h"
#include "operator/decide/slots.h"
#include "operator/decide/snapshot.h"
#include "operator/decide/status_draft.h"

namespace parallelrun::op {

// The text without what changes while it means the same: counts, numbers of pods.
std::string without_digits(const std::string& text);

class Decision {
 public:
  // What it is given must outlive it.
  Decision(const Snapshot& snapshot, const Settings& settings, WallTime now);
  Plan make();

 private:
  struct End {
    bool complete = false;
    std::string reason, message;
    WallTime at{};
    nlohmann::json said = nullptr;  // by the orchestrator: its termination message
  };

  // decision.cpp: the life of the job
  std::optional<End> end_by_runner() const;
  std::optional<End> end_by_spec();
  std::optional<End> end_by_deadline();
  void finish(const End& end);
  void record_final_progress(const End& end);
  void stop();
  void start();
  bool delete_in_time(WallTime ended);
  void clear_after(WallTime told, const std::string& failed_reason);
  WallTime active_since() const;

  // decision_pods.cpp: who is there, who is to come, who has to go
  std::optional<End> replace_what_is_lost();
  void replace_orchestrator();
  void replace_worker(Slot& slot);
  void count_failure(const PodView& pod);
  bool works(const Slot& slot) const;
  void note_vanished();
  void say_replaced();
  void ensure_objects();
  void create_pods();
  bool may_create(const Slot& slot, bool hold_others);
  void remove_pods();
  void remove(const PodView& pod, const char* why);
  void drop_older(const Slot& slot);

  // decision_status.cpp: what is told
  void record_pods();
  void record_running();
  std::optional<Obstacle> failing_worker();
  bool is_steady(const Slot& slot);
  void tell(bool holds, const std::string& reason, const std::string& message);
  // Events of the same `same_as` are one that is counted; empty: those of the same message.
  void event(bool warning, std::string reason, const std::string& message, std::string same_as = "");
  void again_at(WallTime time);
  std::int64_t ready_replicas(std::int64_t before);
  std::string pod_of(const Slot& slot) const;
  const Refusal* refusal_of(const std::string& object) const;

  const Snapshot& snapshot_;
  const Settings& settings_;
  const WallTime now_;
  const JobFacts facts_;
  Slots slots_;
  StatusDraft status_;
  Plan plan_;

  // Why the spec of a job that has started cannot be followed. The pods that are there go on with the one
  // before it; nothing is written or made of this one, and nobody is replaced or sent away for it.
  std::optional<std::string> spec_problem_;
  std::map<std::string, const Refusal*> refusals_;  // by object
  std::optional<Obstacle> object_obstacle_;         // of Secret, Service or account
  std::optional<Obstacle> orchestrator_obstacle_;
  std::optional<Obstacle> worker_obstacle_;  // the first
  std::vector<const PodView*> failed_;       // counted now
  std::vector<std::string> replaced_;        // workers, sentence parts
  bool vanished_ = false;                    // some of them without a trace
  std::int64_t failures_ = 0;
  bool orchestrator_failed_ = false;  // one of them
  std::size_t missing_workers_ = 0;   // refused
};

}  // namespace parallelrun::op
