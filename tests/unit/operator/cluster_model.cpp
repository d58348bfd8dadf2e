#include "cluster_model.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace parallelrun::op {

using nlohmann::json;

json a_job() {
  return json::parse(R"({
    "apiVersion": "parallelrun.dev/v1alpha1", "kind": "ParallelRunJob",
    "metadata": {"name": "digits", "namespace": "default", "uid": "uid-of-digits", "generation": 1,
                 "resourceVersion": "1"},
    "spec": {
      "entryScript": "digits.py", "nodeCount": 3,
      "sourceDirectory": {"configMap": {"name": "code"}},
      "inputs": [{"name": "images", "type": "file", "source": {"persistentVolumeClaim": {"claimName": "data"}}}],
      "output": {"source": {"persistentVolumeClaim": {"claimName": "results"}, "subPath": "digits"}}
    }})");
}

std::string said(const std::string& state, const std::string& reason, const std::string& message) {
  return json{{"state", state}, {"reason", reason}, {"message", message}}.dump();
}

Cluster::Cluster(json the_job)
    : now(std::chrono::sys_days(std::chrono::year(2026) / 5 / 17)), job(std::move(the_job)) {
  settings.runner_image = "parallelrun/runner:0.1";
}

Cluster& Cluster::edit(const char* field, json value) {
  if (job["spec"].value(field, json()) == value) return *this;
  job["spec"][field] = std::move(value);
  job["metadata"]["generation"] = job["metadata"]["generation"].get<std::int64_t>() + 1;
  job["metadata"]["resourceVersion"] = std::to_string(++version_);
  return *this;
}

Cluster& Cluster::after(std::chrono::milliseconds time) {
  now += time;
  for (auto& [name, one] : pods) {
    const auto late = late_phases_.find(one.uid);
    if (late != late_phases_.end() && one.phase == "Running") one.phase = late->second;
  }
  late_phases_.clear();
  return *this;
}

PodView& Cluster::pod(const std::string& name) {
  const auto found = pods.find(name);
  if (found == pods.end()) throw std::out_of_range("no pod " + name);
  return found->second;
}

Cluster& Cluster::run(const std::string& name) {
  PodView& one = pod(name);
  one.node = "node-1";
  one.phase = "Running";
  one.ready = true;
  one.waiting_reason.clear();
  one.unscheduled_reason.clear();
  return *this;
}

Cluster& Cluster::run_all() {
  for (auto& [name, one] : pods) {
    if (one.phase == "Pending" && !one.deleting) run(name);
  }
  return *this;
}

Cluster& Cluster::runner_exits(const std::string& name, int code, const std::string& message) {
  PodView& one = pod(name);
  one.node = "node-1";
  one.phase = "Running";
  one.ready = false;
  one.ended = PodView::Ended{.exit_code = code,
                             .reason = code == 0 ? "Completed" : "Error",
                             .message = message,
                             .started = one.created,
                             .finished = now};
  one.others_run = true;
  return *this;
}

Cluster& Cluster::exit(const std::string& name, int code, const std::string& message) {
  runner_exits(name, code, message);
  pod(name).others_run = false;
  late_phases_[pod(name).uid] = code == 0 ? "Succeeded" : "Failed";
  return *this;
}

Cluster& Cluster::evict(const std::string& name) {
  exit(name, 137);
  pod(name).phase = "Failed";
  pod(name).reason = "Evicted";
  pod(name).disrupted = true;
  return *this;
}

Cluster& Cluster::ask_to_go(const std::string& name) {
  pod(name).deleting = true;
  return *this;
}

Cluster& Cluster::vanish(const std::string& name) {
  pods.erase(name);
  return *this;
}

Cluster& Cluster::refuse(const std::string& prefix, const std::string& reason, const std::string& message) {
  rules_.push_back({prefix, reason, message});
  return *this;
}

Cluster& Cluster::refuse_nothing() {
  rules_.clear();
  return *this;
}

Cluster& Cluster::dataset(const std::string& name, const std::string& type, json versions) {
  datasets.named[name] = {{"apiVersion", "parallelrun.dev/v1alpha1"},
                          {"kind", "ParallelRunDataset"},
                          {"metadata", {{"name", name}}},
                          {"spec", {{"type", type}, {"versions", std::move(versions)}}}};
  return *this;
}

Cluster& Cluster::no_dataset(const std::string& name) {
  datasets.named.erase(name);
  return *this;
}

Cluster& Cluster::foreign_pod(const std::string& name, Role role) {
  PodView one;
  one.name = name;
  one.uid = "foreign-" + name;
  one.role = role;
  one.owned = false;
  one.phase = "Running";
  one.created = now;
  pods[name] = one;
  return *this;
}

Snapshot Cluster::snapshot() const {
  Snapshot seen;
  seen.job = job;
  for (const auto& [name, one] : pods) seen.pods.push_back(one);
  seen.secret_generation = secret_generation_;
  seen.service_exists = service_;
  seen.account_exists = account_;
  seen.datasets = datasets;
  seen.earlier = earlier;
  seen.earlier_runs = earlier_runs;
  for (const auto& [name, one] : datasets.named) seen.datasets.others.push_back(name);
  for (const auto& [object, refusal] : refusals_) seen.refusals.push_back(refusal);
  return seen;
}

bool Cluster::create(const PodIdentity& identity) {
  const std::string name = pod_name(job["metadata"]["name"], identity);
  const std::string object = "Pod " + name;
  const auto refused = [&](const std::string& reason, const std::string& message) {
    refusals_[object] = {.object = object, .reason = reason, .message = message, .time = now};
    return false;
  };
  if (const auto there = pods.find(name); there != pods.end()) {
    if (!there->second.owned) return refused("AlreadyExists", "pods \"" + name + "\" already exists");
    return true;
  }
  for (const Rule& rule : rules_) {
    if (object.starts_with(rule.prefix)) return refused(rule.reason, rule.message);
  }
  if (on_create) on_create(identity);
  refusals_.erase(object);
  PodView made;
  made.name = name;
  made.uid = "uid-" + std::to_string(++pods_made_);
  made.role = identity.role;
  made.index = identity.index;
  made.incarnation = identity.incarnation;
  made.may_reuse = identity.may_reuse;
  made.created = now;
  made.phase = "Pending";
  pods[name] = made;
  return true;
}

bool Cluster::write_secret(const Plan& plan, const Snapshot& decided_on) {
  const std::string object = "Secret digits-runner";
  for (const Rule& rule : rules_) {
    if (!object.starts_with(rule.prefix)) continue;
    refusals_[object] = {object, rule.reason, rule.message, now};
    return false;
  }
  refusals_.erase(object);
  const auto generation = decided_on.job["metadata"]["generation"].get<std::int64_t>();
  // One that is there already is taken as it is, and brought up to date by the next plan.
  const bool made = !secret_generation_ || decided_on.secret_generation;
  if (made) {
    secret_generation_ = generation;
    EXPECT_TRUE(plan.job != nullptr && plan.job->ok()) << "a Secret that is made of nothing";
    if (plan.job != nullptr && plan.job->ok()) job_json = (*plan.job)->resource();
  }
  return secret_generation_ == generation;
}

bool Cluster::apply(const Plan& plan, const Snapshot& decided_on, std::size_t most) {
  const auto write = [&] {
    if (most == 0) return false;
    --most;
    ++writes;
    return true;
  };
  const auto write_status = [&] {
    if (decided_on.job["metadata"]["resourceVersion"] != job["metadata"]["resourceVersion"]) return false;
    json status = *plan.status;
    if (!status.contains("progress") && job.contains("status") && job["status"].contains("progress"))
      status["progress"] = job["status"]["progress"];
    job["status"] = std::move(status);
    job["metadata"]["resourceVersion"] = std::to_string(++version_);
    ++status_writes;
    return true;
  };
  bool stands = true;
  bool ready = true;
  if (plan.status && !status_last) {
    if (!write()) return false;
    stands = write_status();
  }
  if (plan.ensure_account) {
    if (!write()) return false;
    account_ = true;
  }
  if (plan.write_secret && !decided_on.secret_generation) {
    if (!write()) return false;
    ready = write_secret(plan, decided_on);
  }
  if (plan.ensure_service) {
    if (!write()) return false;
    service_ = true;
  }
  if (plan.status && status_last) {
    if (!write()) return false;
    stands = write_status();
  }
  if (!stands) return false;
  events.insert(events.end(), plan.events.begin(), plan.events.end());
  if (plan.delete_job) {
    if (!write()) return false;
    deleted = true;
    pods.clear();
    return true;
  }
  if (plan.write_secret && decided_on.secret_generation) {
    if (!write()) return false;
    ready = write_secret(plan, decided_on);
  }
  if (!ready) return false;
  for (const PodRemoval& removal : plan.remove) {
    if (!write()) return false;
    const auto there = pods.find(removal.name);
    if (there == pods.end() || there->second.uid != removal.uid) continue;
    // What has nothing left to stop goes at once.
    if (is_over(there->second) || there->second.node.empty()) {
      pods.erase(there);
    } else {
      there->second.deleting = true;
    }
  }
  bool all = true;
  for (const PodIdentity& identity : plan.create) {
    if (!write()) return false;
    all = create(identity) && all;
  }
  return all;
}

int Cluster::settle() {
  for (int round = 0; round < 20; ++round) {
    const Snapshot seen = snapshot();
    const Plan plan = decide(seen, settings, now);
    if (deleted || is_empty(plan, seen)) return round;
    apply(plan, seen);
  }
  ADD_FAILURE() << "no fixed point: " << to_text(decision()) << "\n" << job.dump(1);
  return 20;
}

Cluster& Cluster::bring_up() {
  settle();
  run_all();
  settle();
  return *this;
}

std::vector<std::string> Cluster::names() const {
  std::vector<std::string> all;
  for (const auto& [name, one] : pods) all.push_back(name);
  return all;
}

std::vector<std::string> Cluster::going() const {
  std::vector<std::string> all;
  for (const auto& [name, one] : pods) {
    if (one.deleting) all.push_back(name);
  }
  return all;
}

std::string Cluster::state() const { return job.value("status", json::object()).value("state", ""); }
std::string Cluster::message() const { return job.value("status", json::object()).value("message", ""); }

std::string Cluster::condition(const std::string& type) const {
  for (const json& one : job.value("status", json::object()).value("conditions", json::array())) {
    if (one["type"] == type) return one["status"].get<std::string>() + "/" + one["reason"].get<std::string>();
  }
  return "";
}

std::vector<std::string> Cluster::news() {
  std::vector<std::string> reasons;
  for (; told_ < events.size(); ++told_) reasons.push_back(events[told_].reason.text());
  return reasons;
}

bool is_empty(const Plan& plan, const Snapshot& snapshot) {
  const bool only_refused =
      std::all_of(plan.create.begin(), plan.create.end(), [&](const PodIdentity& identity) {
        const std::string object = "Pod " + pod_name(snapshot.job["metadata"]["name"], identity);
        return std::any_of(snapshot.refusals.begin(), snapshot.refusals.end(),
                           [&](const Refusal& refusal) { return refusal.object == object; });
      });
  const bool secret_refused =
      std::any_of(snapshot.refusals.begin(), snapshot.refusals.end(),
                  [](const Refusal& one) { return one.object.starts_with("Secret "); });
  return !plan.status && plan.events.empty() && !plan.delete_job && !plan.ensure_account &&
         (!plan.write_secret || secret_refused) && (!plan.ensure_service || secret_refused) &&
         plan.remove.empty() && only_refused;
}

std::string to_text(const Plan& plan) {
  std::string text;
  if (plan.status) {
    json shown = *plan.status;
    for (const char* tedious : {"specHash", "selector", "runnerImage"}) shown.erase(tedious);
    for (json& condition : shown["conditions"])
      condition = condition["type"].get<std::string>() + "=" + condition["status"].get<std::string>() + "/" +
                  condition["reason"].get<std::string>();
    text += "status " + shown.dump() + "\n";
  }
  for (const JobEvent& event : plan.events)
    text += "event " + event.reason.text() + ": " + event.message + "\n";
  if (plan.delete_job) text += "delete the job\n";
  if (plan.write_secret) text += "write the secret\n";
  for (const PodRemoval& removal : plan.remove) text += "remove " + removal.name + ": " + removal.why + "\n";
  for (const PodIdentity& identity : plan.create) text += "create " + pod_name("JOB", identity) + "\n";
  return text;
}

}  // namespace parallelrun::op
