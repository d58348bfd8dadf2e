// Random walks: users, nodes and kubelets do what they like to a job while operators look at it late, die
// between any two writes and come back. What must hold, holds at each step; and once it is quiet, the job
// gets where it should be.
//
// PARALLELRUN_WALKS and PARALLELRUN_SEED choose how many walks there are and the first seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <random>
#include <set>

#include "cluster_model.h"
#include "common/pod/pod_layout.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

bool is_finished(const json& job) {
  const auto status = job.find("status");
  if (status == job.end()) return false;
  const std::string state = status->value("state", "");
  return state == "Complete" || state == "Failed";
}

class Walk {
 public:
  explicit Walk(std::uint64_t seed) : random_(seed) {
    cluster_.settings.infrastructure_failures = pick(4);
    cluster_.settings.infrastructure_failures_per_worker = pick(3);
    if (one_in(4)) cluster_.edit("activeDeadlineSeconds", 20 + pick(300));
    if (one_in(4)) cluster_.edit("ttlSecondsAfterFinished", pick(100));
    if (one_in(6)) cluster_.edit("suspend", true);
    cluster_.on_create = [this](const PodIdentity& identity) { check_creation(identity); };
    remember();
  }

  void go(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure() && !cluster_.deleted; ++i) {
      if (one_in(2)) {
        operate();
      } else {
        something_happens();
      }
      remember();
      if (one_in(10) && !testing::Test::HasFailure()) check_fixed_point();
    }
    if (!testing::Test::HasFailure() && !cluster_.deleted) check_quiet_end();
  }

  const std::deque<std::string>& story() const { return story_; }

 private:
  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }
  bool one_in(std::uint32_t n) { return pick(n) == 0; }
  void tell(std::string line) {
    story_.push_back(std::move(line));
    if (story_.size() > 60) story_.pop_front();
  }
  void expect(bool holds, const std::string& what) {
    if (!holds) ADD_FAILURE() << what;
  }

  // --- what the operator sees ---

  void remember() {
    history_.push_back(cluster_.snapshot());
    if (history_.size() > 12) {
      history_.pop_front();
      pods_seen_ = pods_seen_ == 0 ? 0 : pods_seen_ - 1;
      job_seen_ = job_seen_ == 0 ? 0 : job_seen_ - 1;
    }
  }

  // Caches move forward only, each by itself.
  Snapshot look() {
    pods_seen_ += pick(static_cast<std::uint32_t>(history_.size() - pods_seen_));
    job_seen_ += pick(static_cast<std::uint32_t>(history_.size() - job_seen_));
    if (one_in(2)) pods_seen_ = job_seen_ = history_.size() - 1;
    Snapshot seen = history_[pods_seen_];
    seen.job = history_[job_seen_].job;
    // Its own writes it knows.
    if (written_ && version(seen.job) < version(*written_)) seen.job = *written_;
    seen.refusals = cluster_.snapshot().refusals;
    return seen;
  }

  static std::int64_t version(const json& job) {
    return std::stoll(job["metadata"]["resourceVersion"].get<std::string>());
  }

  void restart() {
    tell("the operator restarts");
    pods_seen_ = job_seen_ = history_.size() - 1;
    written_.reset();
  }

  void operate() {
    const Snapshot seen = look();
    const Plan plan = decide(seen, cluster_.settings, cluster_.now);
    check_plan(plan, seen);
    const json before = cluster_.job;
    const std::size_t most = one_in(4) ? pick(6) : SIZE_MAX;
    tell("decides: " + to_text(plan) +
         (most == SIZE_MAX ? "" : "  but dies after " + std::to_string(most) + " writes"));
    const std::int64_t version_before = version(cluster_.job);
    cluster_.status_last = one_in(2);
    cluster_.apply(plan, seen, most);
    if (version(cluster_.job) != version_before) written_ = cluster_.job;
    check_status(before, cluster_.job);
    if (most != SIZE_MAX) {
      remember();
      restart();
    }
  }

  // --- what happens ---

  PodView* any_pod() {
    if (cluster_.pods.empty()) return nullptr;
    auto found = cluster_.pods.begin();
    std::advance(found, pick(static_cast<std::uint32_t>(cluster_.pods.size())));
    return &found->second;
  }

  void something_happens() {
    PodView* pod = any_pod();
    switch (pick(16)) {
      case 0:
      case 1:
      case 2:
        tell("time passes");
        cluster_.after(one_in(5) ? milliseconds(seconds(pick(1000))) : milliseconds(pick(15'000)));
        return;
      case 3:
      case 4:
      case 5:
        tell("pods come up");
        cluster_.run_all();
        return;
      case 6:
        return user_acts();
      case 7:
        if (one_in(3)) {
          tell("the server refuses pods");
          cluster_.refuse(one_in(2) ? "Pod " : "Pod digits-worker-1", "Forbidden", "exceeded quota: team");
        } else {
          cluster_.refuse_nothing();
        }
        return;
      case 8:
        if (one_in(8)) {
          tell("a stranger's pod appears");
          const bool orchestrator = one_in(2);
          const std::string name = orchestrator ? "digits-orchestrator-" : "digits-worker-1-";
          if (!cluster_.has(name + "1")) {
            cluster_.foreign_pod(name + "1", orchestrator ? Role::kOrchestrator : Role::kWorker);
          }
        }
        return;
      default:
        if (pod != nullptr) befall(*pod);
    }
  }

  void user_acts() {
    switch (pick(5)) {
      case 0:
        cluster_.edit("suspend", one_in(2));
        return tell("suspend is set or not");
      case 1:
        cluster_.edit("nodeCount", 1 + pick(4));
        return tell("nodeCount is set");
      case 2:
        cluster_.edit("errorThreshold", pick(100));
        return tell("another setting is changed");
      case 3:
        if (one_in(30)) {
          cluster_.edit("miniBatchSize", 77);
          tell("what identifies the job is changed");
        } else if (one_in(2)) {
          break_or_mend();
        }
        return;
      default:
        if (one_in(10)) {
          cluster_.edit("activeDeadlineSeconds", 1 + pick(60));
          tell("a deadline is set");
        }
    }
  }

  void break_or_mend() {
    const bool valid = is_valid(cluster_.job);
    cluster_.edit("worker", valid ? json::parse(R"({"volumes": [{"name": "scratch"}]})") : json());
    tell(valid ? "the spec is not valid any more" : "the spec is valid again");
  }

  static bool is_valid(const json& job) { return at(job["spec"], "worker").is_null(); }

  void befall(PodView& pod) {
    const std::string name = pod.name;
    if (!pod.owned) {
      if (one_in(2)) cluster_.vanish(name);
      return;
    }
    if (pod.deleting) {
      // Nodes that are lost never answer.
      if (one_in(3)) return;
      if (pod.phase == "Running" && one_in(2)) {
        tell(name + " stops");
        end(pod, one_in(3) ? 0 : 130, "");
      } else {
        tell(name + " is gone");
        cluster_.vanish(name);
      }
      return;
    }
    if (is_over(pod)) {
      if (one_in(6)) cluster_.vanish(name);  // cleaned up by somebody
      return;
    }
    switch (pick(11)) {
      case 10:
        if (pod.phase != "Running") return;
        tell(name + " is not ready, or again");
        pod.ready = !pod.ready;
        return;
      case 0:
      case 1:
        tell(name + " is deleted");
        cluster_.ask_to_go(name);
        return;
      case 2:
        tell(name + " is evicted");
        cluster_.evict(name);
        ended_.insert(pod::lease_holder(name, pod.uid));
        return;
      case 3:
        tell(name + " vanishes");
        cluster_.vanish(name);
        return;
      case 4:
        tell(name + " is garbage of a node that is gone");
        pod.phase = "Failed";
        pod.disrupted = true;
        return;
      case 5:
        if (pod.phase != "Pending") return;
        pod.waiting_reason = "ImagePullBackOff";
        pod.waiting_message = "Back-off";
        return;
      case 6:
      case 7:
        if (pod.phase != "Running") return;
        tell(name + " fails");
        ++failures_;
        end(pod, 1, "");
        return;
      default:
        if (pod.phase == "Running" && one_in(3)) end_well(pod);
    }
  }

  void end(PodView& pod, int code, const std::string& message) {
    if (one_in(4)) {
      cluster_.runner_exits(pod.name, code, message);
    } else {
      cluster_.exit(pod.name, code, message);
    }
    ended_.insert(pod::lease_holder(pod.name, pod.uid));
  }

  void end_well(PodView& pod) {
    if (pod.role == Role::kWorker) {
      tell(pod.name + " leaves");
      return end(pod, 0, "");
    }
    if (one_in(3)) {
      tell("the job completes");
      end(pod, 0, said("Complete", "Completed", "done"));
    } else if (one_in(4)) {
      tell("the job fails");
      end(pod, 1, said("Failed", "ScriptFailed", "boom"));
    } else {
      tell("the orchestrator is interrupted");
      ++failures_;
      end(pod, 130, said("Interrupted", "Stopped", ""));
    }
  }

  // --- what must hold ---

  static const json& at(const json& object, const char* key) {
    static const json kNothing;
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found == object.end() ? kNothing : *found;
  }

  static std::uint32_t recorded(const json& status, Role role, std::uint32_t index) {
    if (role == Role::kOrchestrator) {
      const json& incarnation = at(at(status, "orchestrator"), "incarnation");
      return incarnation.is_null() ? 0 : incarnation.get<std::uint32_t>();
    }
    for (const json& worker : at(status, "workers")) {
      if (worker["index"] == index) return worker["incarnation"].get<std::uint32_t>();
    }
    return 0;
  }

  void check_creation(const PodIdentity& identity) {
    expect(!is_finished(cluster_.job), "a finished job runs again");
    expect(cluster_.job["status"].contains("startTime"), "a pod before the start was recorded");
    expect(identity.incarnation == recorded(at(cluster_.job, "status"), identity.role, identity.index),
           "a pod of an incarnation that is not recorded: " + pod_name("digits", identity));
    for (const auto& [name, pod] : cluster_.pods) {
      // A stranger's may have come since the operator looked.
      if (identity.role != Role::kOrchestrator || pod.role != Role::kOrchestrator || !pod.owned) continue;
      expect(pod.deleting || pod.ended || is_over(pod), "two orchestrators: " + name + " lives");
    }
    for (const std::string& name : identity.ended) {
      expect(ended_.contains(name), name + " is told to have ended");
    }
  }

  void check_plan(const Plan& plan, const Snapshot& seen) {
    const bool idle = is_finished(seen.job) || seen.job["spec"].value("suspend", false);
    expect(!idle || plan.create.empty(), "pods for a job that is finished or suspended");
    expect(is_valid(seen.job) || (plan.create.empty() && !plan.write_secret),
           "follows a spec that is not valid");
    if (plan.status) {
      const std::string state = (*plan.status)["state"];
      expect((state != "Complete" && state != "Failed" && state != "Suspended") || plan.create.empty(),
             "pods for a job that ends or is suspended");
    }
    std::set<std::pair<Role, std::uint32_t>> places;
    for (const PodIdentity& identity : plan.create) {
      expect(places.insert({identity.role, identity.index}).second, "two pods for one place");
    }
    const json& after = plan.status ? *plan.status : at(seen.job, "status");
    const json& state = at(after, "state");
    for (const PodRemoval& removal : plan.remove) {
      const auto pod = std::find_if(seen.pods.begin(), seen.pods.end(),
                                    [&](const PodView& one) { return one.uid == removal.uid; });
      expect(pod != seen.pods.end() && pod->owned && !pod->deleting, "removes what is not its own to remove");
      if (pod == seen.pods.end() || state == "Complete" || state == "Failed" || state == "Suspended")
        continue;
      expect(is_valid(seen.job) || is_over(*pod) || pod->incarnation < recorded(after, pod->role, pod->index),
             "follows a spec that is not valid: removes " + pod->name);
      const bool wanted =
          pod->role == Role::kOrchestrator || pod->index < seen.job["spec"]["nodeCount"].get<std::uint32_t>();
      expect(!(wanted && !is_over(*pod) && !pod->ended &&
               pod->incarnation == recorded(after, pod->role, pod->index)),
             "removes a pod that is needed: " + pod->name);
    }
  }

  void check_status(const json& before, const json& after) {
    if (!after.contains("status")) return;
    const json& old = at(before, "status");
    const json& now = after["status"];
    for (const char* once : {"startTime", "specHash", "runnerImage", "completionTime", "selector"}) {
      expect(at(old, once).is_null() || at(old, once) == at(now, once), std::string(once) + " changed");
    }
    expect(!is_finished(before) || old == now, "the status of a finished job changed");
    expect(recorded(old, Role::kOrchestrator, 0) <= recorded(now, Role::kOrchestrator, 0),
           "the orchestrator's incarnation went back");
    for (std::uint32_t index = 0; index < 5; ++index) {
      expect(recorded(old, Role::kWorker, index) <= recorded(now, Role::kWorker, index),
             "a worker's incarnation went back");
    }
    const auto counted = now.value("infrastructureFailures", std::int64_t{0});
    expect(counted <= failures_, "failures that nobody saw are counted");
    const std::int64_t budget = cluster_.settings.infrastructure_failures +
                                std::int64_t{cluster_.settings.infrastructure_failures_per_worker} *
                                    after["spec"]["nodeCount"].get<std::int64_t>();
    const bool given_up = !is_finished(before) && now.value("state", "") == "Failed" &&
                          now.dump().find("InfrastructureFailures") != std::string::npos;
    expect(!given_up || failures_ > budget, "given up within the budget");
    std::set<std::string> types;
    for (const json& condition : now["conditions"])
      expect(types.insert(condition["type"]).second, "a condition twice");
    expect(!(types.contains("Complete") && types.contains("Failed")), "complete and failed");
  }

  void check_fixed_point() {
    Cluster copy = cluster_;
    copy.on_create = nullptr;
    copy.settle();
    if (copy.deleted || testing::Test::HasFailure()) return;
    const Plan again = copy.decision();
    expect(!again.again_at || *again.again_at > copy.now, "wants to decide again in the past");
  }

  // Everything works again, and nobody does anything any more.
  void check_quiet_end() {
    tell("--- quiet ---");
    cluster_.refuse_nothing();
    restart();
    if (!is_valid(cluster_.job)) break_or_mend();
    // 5 s, and at last 60 s: longer than any pause.
    for (int round = 0; round < 30 && !cluster_.deleted; ++round) {
      for (auto pod = cluster_.pods.begin(); pod != cluster_.pods.end();) {
        pod = pod->second.deleting || !pod->second.owned ? cluster_.pods.erase(pod) : std::next(pod);
      }
      cluster_.run_all();
      for (auto& [name, pod] : cluster_.pods) pod.ready = pod.phase == "Running" && !pod.ended;
      // A controller that holds refused writes back tries them again.
      const json before = cluster_.job;
      const Snapshot seen = cluster_.snapshot();
      const Plan plan = cluster_.decision();
      check_plan(plan, seen);
      cluster_.apply(plan, seen);
      if (cluster_.deleted) return;
      check_status(before, cluster_.job);
      cluster_.settle();
      cluster_.after(seconds(round < 20 ? 5 : 60));
    }
    const json& job = cluster_.job;
    std::size_t orchestrators = 0;
    std::size_t workers = 0;
    for (const auto& [name, pod] : cluster_.pods) {
      if (is_over(pod)) continue;
      (pod.role == Role::kOrchestrator ? orchestrators : workers) += 1;
    }
    if (is_finished(job) || job["spec"].value("suspend", false)) {
      expect(is_finished(job) || cluster_.state() == "Suspended",
             "neither finished nor suspended: " + cluster_.state());
      expect(orchestrators + workers == 0, "pods of a job that is " + cluster_.state());
      return;
    }
    expect(cluster_.state() == "Running", "does not run: " + cluster_.state() + ", " + cluster_.message());
    expect(orchestrators == 1, std::to_string(orchestrators) + " orchestrators");
    expect(workers == job["spec"]["nodeCount"].get<std::size_t>(), std::to_string(workers) + " workers");
    expect(job["status"]["readyReplicas"] == job["spec"]["nodeCount"],
           "readyReplicas " + job["status"]["readyReplicas"].dump());
    expect(cluster_.condition("Running") == "True/Running", cluster_.condition("Running"));
    expect(job["status"]["observedGeneration"] == job["metadata"]["generation"], "observedGeneration");
  }

  std::mt19937_64 random_;
  Cluster cluster_;
  std::deque<Snapshot> history_;
  std::size_t pods_seen_ = 0;  // index into history_
  std::size_t job_seen_ = 0;
  std::optional<json> written_;
  std::set<std::string> ended_;  // holders of the Lease whose runner is known to have ended
  std::int64_t failures_ = 0;    // of our containers
  std::deque<std::string> story_;
};

TEST(Walk, HoldsWhateverHappens) {
  const std::uint64_t first = number_from("PARALLELRUN_SEED", 1);
  const std::uint64_t walks = number_from("PARALLELRUN_WALKS", 600);
  for (std::uint64_t seed = first; seed < first + walks; ++seed) {
    Walk walk(seed);
    walk.go(60);
    if (!HasFailure()) continue;
    std::string story;
    for (const std::string& line : walk.story()) story += line + "\n";
    FAIL() << "seed " << seed << " (PARALLELRUN_SEED=" << seed << " PARALLELRUN_WALKS=1 runs it alone)\n"
           << story;
  }
}

}  // namespace
}  // namespace parallelrun::op
