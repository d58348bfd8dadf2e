#include "operator/controller/applier.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/json/members.h"
#include "common/spec/manifest.h"
#include "operator/controller/child_writer.h"
#include "operator/controller/clock.h"
#include "operator/controller/job_record.h"
#include "operator/controller/plan_writes.h"
#include "operator/controller/pod_record.h"
#include "operator/controller/resources.h"
#include "operator/controller/secret_writer.h"
#include "operator/controller/snapshot_reader.h"
#include "operator/controller/status_patch.h"
#include "operator/pods/children.h"

namespace parallelrun::op {
namespace {

using kube::ApiFailure;
using kube::KubeClient;
using nlohmann::json;

// Pods are tried in growing groups, so that a quota refuses a few and not thousands.
constexpr std::size_t kFirstPods = 8;
constexpr std::size_t kMostPodsAtOnce = 64;

void promise_secret(json& object, const std::string& generation) {
  if (!generation.empty()) object["metadata"]["annotations"][kSecretGeneration] = generation;
}

kube::CachedObject cached(json object, void (*to_record)(json&)) {
  const json& metadata = object_at(object, "metadata");
  kube::CachedObject result{text_at(metadata, "uid"), text_at(metadata, "resourceVersion"), {}};
  result.body = kube::packed_object(std::move(object), to_record);
  return result;
}

// What the Secret is made of.
const json& job_for_pods(const Snapshot& snapshot, const Plan& plan) {
  return plan.job != nullptr && plan.job->ok() ? (*plan.job)->resource() : snapshot.job;
}

kube::ObjectKey key_in(const json& metadata) {
  return {text_at(metadata, "namespace"), text_at(metadata, "name")};
}

}  // namespace

// One plan. Its functions are called by several threads of the fan-out at once; what comes of their writes is
// in `writes_`.
class Applier::Run {
 public:
  Run(Context& context, const Snapshot& snapshot, const Plan& plan)
      : context_(context),
        snapshot_(snapshot),
        plan_(plan),
        key_(key_in(object_at(snapshot.job, "metadata"))),
        uid_(text_at(object_at(snapshot.job, "metadata"), "uid")),
        generation_(number_at(object_at(snapshot.job, "metadata"), "generation").value_or(0)),
        writes_(context, key_, generation_),
        children_(context, writes_, key_.name_space, uid_),
        secrets_(job_for_pods(snapshot, plan), children_, writes_),
        job_(&snapshot.job) {
    // What the Secret holds once pods are made.
    const auto promised = plan.write_secret ? generation_ : snapshot.secret_generation;
    if (promised) promise_ = std::to_string(*promised);
  }

  ApplyResult operator()() {
    carry_out();
    return writes_.result();
  }

 private:
  void carry_out() {
    if (!prepare()) return;
    for (const JobEvent& event : plan_.events) context_.events.record(*job_, event);
    if (plan_.delete_job) return delete_job();
    if (writes_.failing() || !ready_ || !update_secret()) return;
    remove_pods();
    if (!writes_.unfinished()) create_pods();
  }

  void write_status() {
    const auto patch = status_patch(snapshot_.job, *plan_.status);
    if (!patch) return;
    auto written = context_.client.merge_patch(kJobs, {key_.name_space, key_.name, "status"}, *patch,
                                               kFieldManager, KubeClient::Answer::kObject, context_.give_up);
    if (!written.ok()) {
      status_stands_ = false;
      return writes_.status_failed(written.error());
    }
    written_ = std::move(written).value();
    job_ = &written_;
    const std::string before = text_at(patch->at("metadata"), "resourceVersion");
    auto record = cached(written_, to_job_record);
    writes_.remember([&](JobMemory& memory) { memory.wrote_job(before, std::move(record)); });
    const json after = {{"status", *plan_.status}};
    writes_.wrote("status is " + state_of(after));
    if (!finished(snapshot_.job) && finished(after)) count_finished(after);
  }

  void count_finished(const json& after) {
    const std::string state = state_of(after);
    const bool complete = state == to_string(JobState::kComplete);
    const json* end =
        find_condition(*plan_.status, complete ? ConditionType::kComplete : ConditionType::kFailed);
    context_.observer.job_finished(state, end == nullptr ? "" : text_at(*end, "reason"));
    // What the orchestrator could not write itself.
    const json& progress = object_at(object_at(snapshot_.job, "status"), "progress");
    context_.observer.work_done(
        growth(work_counts(progress), work_counts(object_at(*plan_.status, "progress"))));
  }

  void delete_job() {
    kube::DeleteOptions options;
    options.uid = uid_;
    const auto deleted =
        context_.client.remove(kJobs, {key_.name_space, key_.name, ""}, options, context_.give_up);
    if (deleted.ok()) {
      writes_.wrote("deleted, because ttlSecondsAfterFinished is over");
    } else if (deleted.error().failure != ApiFailure::kNotFound &&
               deleted.error().failure != ApiFailure::kConflict) {
      writes_.failed(std::string(kKind) + " " + key_.name, deleted.error());
    }
    if (!writes_.failing()) writes_.job_is_gone();
  }

  // The status, and beside it what pods need and is not there yet; all of that is made of the snapshot's job.
  // A Secret that is there is changed later, since the status write is what refuses an outdated job. False:
  // the status is not what was decided, so nothing that follows from it may be done.
  bool prepare() {
    std::vector<FanOut::Task> tasks;
    if (plan_.status) tasks.emplace_back([this] { write_status(); });
    const auto add = [&](const std::vector<std::string>& objects, auto task) {
      if (std::any_of(objects.begin(), objects.end(),
                      [this](const auto& object) { return writes_.held(object); })) {
        ready_ = false;
        return;
      }
      tasks.emplace_back(task);
    };
    if (plan_.ensure_account) {
      add({account().object(), role_binding().object()}, [this] { ensure_account(); });
    }
    if (plan_.write_secret && !snapshot_.secret_generation) {
      add({secret_object()}, [this] { secret_stands_ = secrets_.create(); });
    }
    if (plan_.ensure_service) add({service().object()}, [this] { ensure_service(); });
    context_.fan_out.run(std::move(tasks));
    ready_ = ready_ && secret_stands_;
    return status_stands_;
  }

  static Child account() {
    return {kServiceAccounts, "ServiceAccount", kAccountName, Child::WhenThere::kShare};
  }
  static Child role_binding() {
    return {kRoleBindings, "RoleBinding", kAccountName, Child::WhenThere::kShare};
  }
  Child service() const { return {kServices, "Service", service_name(key_.name)}; }
  std::string secret_object() const { return "Secret " + secret_name(key_.name); }

  void ensure_account() {
    const bool exists = context_.memories.make_account_once(key_.name_space, [this] {
      return children_.ensure(account(), account_of(key_.name_space)) &&
             children_.ensure(role_binding(), role_binding_of(key_.name_space));
    });
    if (!exists) return;
    writes_.accepted(account().object());
    writes_.accepted(role_binding().object());
  }

  // Where there is a Secret. False: job.json is not of this generation, or nobody would know.
  bool update_secret() {
    if (!plan_.write_secret || !snapshot_.secret_generation) return true;
    if (writes_.held(secret_object()) || !secrets_.renew()) return false;
    if (!plan_.ensure_service && snapshot_.service_exists) renew_promise();
    return !writes_.failing();
  }

  void ensure_service() {
    json body = service_of(snapshot_.job);
    // A Service that is made again, when the Secret is up to date and its old promise was lost.
    if (snapshot_.secret_generation && !plan_.write_secret) promise_secret(body, promise_);
    if (!children_.ensure(service(), body)) return;
    writes_.accepted(service().object());
    writes_.remember([&](JobMemory& memory) { memory.wrote_service(uid_, now()); });
  }

  // The new generation of the Secret is written where a restarted operator sees it. (Pods of the first
  // generation tell of that one.)
  void renew_promise() {
    json promise;
    promise_secret(promise, promise_);
    const auto told =
        context_.client.merge_patch(kServices, {key_.name_space, service_name(key_.name), ""}, promise,
                                    kFieldManager, KubeClient::Answer::kMetadata, context_.give_up);
    if (!told.ok() && told.error().failure != ApiFailure::kNotFound) {
      writes_.failed(service().object(), told.error());
    }
  }

  void remove_pods() {
    std::vector<FanOut::Task> tasks;
    for (const PodRemoval& removal : plan_.remove) {
      if (writes_.held("Pod " + removal.name)) continue;
      tasks.emplace_back([this, &removal] { remove_pod(removal); });
    }
    context_.fan_out.run(std::move(tasks));
  }

  void remove_pod(const PodRemoval& removal) {
    kube::DeleteOptions options;
    options.uid = removal.uid;
    const auto removed =
        context_.client.remove(kPods, {key_.name_space, removal.name, ""}, options, context_.give_up);
    if (!removed.ok() && removed.error().failure != ApiFailure::kNotFound &&
        removed.error().failure != ApiFailure::kConflict) {
      writes_.failed("Pod " + removal.name, removed.error());
      return;
    }
    writes_.accepted("Pod " + removal.name);
    writes_.remember([&](JobMemory& memory) { memory.removed_pod(removal.uid, now()); });
    if (removed.ok()) writes_.wrote("deleted Pod " + removal.name + ": " + removal.why);
  }

  Child pod(const PodIdentity& identity) const { return {kPods, "Pod", pod_name(key_.name, identity)}; }

  void create_pods() {
    // Where one pod of a role was refused lately, the others would be too.
    std::array<bool, 2> role_held{};
    for (const PodIdentity& identity : plan_.create) {
      if (writes_.held(pod(identity).object())) role_held[static_cast<std::size_t>(identity.role)] = true;
    }
    std::vector<FanOut::Task> tasks;
    for (const PodIdentity& identity : plan_.create) {
      if (role_held[static_cast<std::size_t>(identity.role)]) continue;
      if (identity.role == Role::kOrchestrator) {
        // Before any worker, which could take the last place in a quota or on a node from it.
        create_pod(identity);
        if (writes_.failing()) return;
      } else {
        tasks.emplace_back([this, &identity] { create_pod(identity); });
      }
    }
    std::size_t begin = 0;
    for (std::size_t group = kFirstPods; begin < tasks.size() && !writes_.failing();
         group = std::min(group * 2, kMostPodsAtOnce)) {
      const auto end = std::min(tasks.size(), begin + group);
      context_.fan_out.run({tasks.begin() + static_cast<std::ptrdiff_t>(begin),
                            tasks.begin() + static_cast<std::ptrdiff_t>(end)});
      begin = end;
    }
  }

  void create_pod(const PodIdentity& identity) {
    const Child child = pod(identity);
    const Result<CheckedJob>& job = *plan_.job;
    auto body = job.ok() ? pod_of(*job, identity, context_.settings) : Result<json>(job.error());
    if (!body.ok()) return children_.failed(child, body.error());
    promise_secret(*body, promise_);
    auto present = children_.ensure(child, *body);
    if (!present) return;
    // What the server has of a pod that it has just made, when it answers the metadata.
    if (present->made) present->body["status"] = {{"phase", "Pending"}};
    auto record = cached(std::move(present->body), to_pod_record);
    writes_.accepted(child.object());
    writes_.remember([&](JobMemory& memory) {
      memory.created_pod({key_.name_space, child.name}, std::move(record), now());
    });
  }

  Context& context_;
  const Snapshot& snapshot_;
  const Plan& plan_;
  const kube::ObjectKey key_;
  const std::string uid_;
  const std::int64_t generation_;
  PlanWrites writes_;
  ChildWriter children_;
  SecretWriter secrets_;
  const json* job_;  // of the snapshot, or as the status write left it
  json written_;
  std::string promise_;
  bool ready_ = true;  // nothing that pods need is held back or outdated
  // Each of the task that sets it.
  bool status_stands_ = true;  // it is what was decided
  bool secret_stands_ = true;  // it is of this generation
};

ApplyResult Applier::apply(const Snapshot& snapshot, const Plan& plan) {
  return Run(context_, snapshot, plan)();
}

}  // namespace parallelrun::op
