#include "operator/controller/applier.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "common/json/members.h"
#include "operator/controller/job_record.h"
#include "operator/controller/pod_record.h"
#include "operator/controller/resources.h"
#include "operator/controller/snapshot_reader.h"
#include "operator/controller/status_patch.h"
#include "operator/pods/children.h"
#include "operator/pods/job_secret.h"

namespace parallelrun::op {
namespace {

using kube::ApiError;
using kube::ApiFailure;
using kube::KubeClient;
using nlohmann::json;

// Pods are tried in growing groups, so that a quota refuses a few and not thousands.
constexpr std::size_t kFirstPods = 8;
constexpr std::size_t kMostPodsAtOnce = 64;

kube::Time now() { return std::chrono::steady_clock::now(); }
WallTime wall_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

bool passes(const ApiError& error) {
  return error.transient() || error.failure == ApiFailure::kStopped || error.failure == ApiFailure::kConflict;
}

// Not worth a word to the user: it ends by itself.
bool namespace_ends(const ApiError& error) {
  return error.failure == ApiFailure::kNotFound ||
         error.message.find("because it is being terminated") != std::string::npos;
}

bool account_missing(const ApiError& error) {
  return error.message.find("error looking up service account") != std::string::npos;
}

ApiError taken_by_another(const std::string& object) {
  ApiError error;
  error.failure = ApiFailure::kAlreadyExists;
  error.reason = "AlreadyExists";
  error.message = object + " exists and belongs to another owner; delete it, or give the job another name";
  return error;
}

// Of a job of the same name that was deleted: the garbage collector is on its way.
bool left_over(const json& metadata) {
  if (metadata.contains("deletionTimestamp")) return true;
  const auto owners = metadata.find("ownerReferences");
  return owners != metadata.end() && owners->is_array() &&
         std::any_of(owners->begin(), owners->end(),
                     [](const json& owner) { return text_at(owner, "kind") == "ParallelRunJob"; });
}

void promise_secret(json& object, const std::string& generation) {
  if (!generation.empty()) object["metadata"]["annotations"][kSecretGeneration] = generation;
}

kube::CachedObject cached(json object, void (*to_record)(json&)) {
  const json& metadata = object_at(object, "metadata");
  kube::CachedObject result{text_at(metadata, "uid"), text_at(metadata, "resourceVersion"), {}};
  result.body = kube::packed_object(std::move(object), to_record);
  return result;
}

// What the server has of a pod that it has just made, when it answers the metadata.
void complete_new_pod(json& metadata_only) { metadata_only["status"] = {{"phase", "Pending"}}; }

}  // namespace

// One plan. Its functions are called by several threads of the fan-out at once, so the result is guarded.
class Applier::Run {
 public:
  Run(Context& context, const Snapshot& snapshot, const Plan& plan)
      : context_(context), snapshot_(snapshot), plan_(plan), job_(&snapshot.job) {
    const json& metadata = object_at(snapshot.job, "metadata");
    key_ = {text_at(metadata, "namespace"), text_at(metadata, "name")};
    text_ = key_text(key_);
    uid_ = text_at(metadata, "uid");
    generation_ = number_at(metadata, "generation").value_or(0);
    // What the Secret holds once pods are made.
    const auto promised = plan.write_secret ? generation_ : snapshot.secret_generation;
    if (promised) promise_ = std::to_string(*promised);
  }

  ApplyResult operator()() {
    if (!prepare()) return result_;
    for (const JobEvent& event : plan_.events) context_.events.record(*job_, event);
    if (plan_.delete_job) {
      delete_job();
      return result_;
    }
    if (failing() || !ready_ || !update_secret()) return result_;
    remove_pods();
    if (result_.failure.empty()) create_pods();
    return result_;
  }

 private:
  template <typename Use>
  auto remember(Use use) {
    return context_.memories.with(text_, use);
  }

  void wrote(const std::string& what) {
    context_.log->info("{}: {}", text_, what);
    const std::lock_guard lock(mutex_);
    result_.wrote = true;
  }
  void accepted(const std::string& object) {
    remember([&](JobMemory& memory) { memory.accepted(object); });
  }
  // A write of `object` did not happen.
  void failed(const std::string& object, const ApiError& error, bool quiet = false) {
    std::unique_lock lock(mutex_);
    if (passes(error)) {
      result_.failure = object + ": " + error.message;
      if (error.retry_after) result_.at_least = *error.retry_after;
      return;
    }
    result_.refused = true;
    lock.unlock();
    if (account_missing(error)) context_.memories.note_account(key_.name_space, false);
    quiet = quiet || namespace_ends(error);
    remember(
        [&](JobMemory& memory) { memory.refused(object, error, quiet, generation_, wall_now(), now()); });
    context_.log->warn("{}: {} is refused: {}", text_, object, error.message);
  }
  bool held(const std::string& object) {
    const auto until = remember([&](JobMemory& memory) { return memory.held_until(object, now()); });
    if (!until) return false;
    const std::lock_guard lock(mutex_);
    result_.held_until = result_.held_until ? std::min(*result_.held_until, *until) : *until;
    return true;
  }
  bool failing() {
    const std::lock_guard lock(mutex_);
    return !result_.failure.empty() || result_.refused;
  }

  void write_status() {
    const auto patch = status_patch(snapshot_.job, *plan_.status);
    if (!patch) return;
    auto written = context_.client.merge_patch(kJobs, {key_.name_space, key_.name, "status"}, *patch,
                                               kFieldManager, KubeClient::Answer::kObject, context_.give_up);
    if (!written.ok()) {
      status_stands_ = false;
      if (passes(written.error())) return failed("status", written.error());
      const std::lock_guard lock(mutex_);
      if (written.error().failure == ApiFailure::kNotFound) {
        result_.gone = true;
      } else {
        // Not something that a decision could know of.
        result_.failure = "status: " + written.error().message;
      }
      return;
    }
    written_ = std::move(written).value();
    job_ = &written_;
    const std::string before = text_at(patch->at("metadata"), "resourceVersion");
    auto record = cached(written_, to_job_record);
    remember([&](JobMemory& memory) { memory.wrote_job(before, std::move(record)); });
    const json after = {{"status", *plan_.status}};
    wrote("status is " + state_of(after));
    if (!finished(snapshot_.job) && finished(after)) count_finished(after);
  }

  void count_finished(const json& after) {
    const std::string state = state_of(after);
    std::string reason;
    if (const auto conditions = plan_.status->find("conditions");
        conditions != plan_.status->end() && conditions->is_array()) {
      for (const json& condition : *conditions) {
        if (text_at(condition, "type") == state) reason = text_at(condition, "reason");
      }
    }
    context_.observer.job_finished(state, reason);
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
      wrote("deleted, because ttlSecondsAfterFinished is over");
    } else if (deleted.error().failure != ApiFailure::kNotFound &&
               deleted.error().failure != ApiFailure::kConflict) {
      failed("ParallelRunJob " + key_.name, deleted.error());
    }
    result_.gone = result_.failure.empty() && !result_.refused;
  }

  // The status, and beside it what pods need and is not there yet; all of that is made of the snapshot's job.
  // A Secret that is there is changed later, since the status write is what refuses an outdated job. False:
  // the status is not what was decided, so nothing that follows from it may be done.
  bool prepare() {
    std::vector<FanOut::Task> tasks;
    if (plan_.status) tasks.emplace_back([this] { write_status(); });
    const auto add = [&](const std::vector<std::string>& objects, auto task) {
      if (std::any_of(objects.begin(), objects.end(), [this](const auto& object) { return held(object); })) {
        ready_ = false;
        return;
      }
      tasks.emplace_back(task);
    };
    if (plan_.ensure_account) {
      add({account_name("ServiceAccount"), account_name("RoleBinding")}, [this] { ensure_account(); });
    }
    if (plan_.write_secret && !snapshot_.secret_generation)
      add({secret_object()}, [this] { create_secret(); });
    if (plan_.ensure_service) add({service_object()}, [this] { ensure_service(); });
    context_.fan_out.run(std::move(tasks));
    return status_stands_;
  }

  static std::string account_name(const char* kind) { return std::string(kind) + " " + kAccountName; }
  std::string secret_object() const { return "Secret " + secret_name(key_.name); }
  std::string service_object() const { return "Service " + service_name(key_.name); }

  void ensure_account() {
    const bool exists = context_.memories.make_account_once(key_.name_space, [this] {
      return ensure_shared(kServiceAccounts, account_of(key_.name_space), account_name("ServiceAccount")) &&
             ensure_shared(kRoleBindings, role_binding_of(key_.name_space), account_name("RoleBinding"));
    });
    if (!exists) return;
    accepted(account_name("ServiceAccount"));
    accepted(account_name("RoleBinding"));
  }

  bool ensure_shared(const kube::Resource& resource, const json& object, const std::string& name) {
    const auto made = context_.client.create(resource, {key_.name_space, "", ""}, object, kFieldManager,
                                             KubeClient::Answer::kMetadata, context_.give_up);
    if (made.ok()) {
      wrote("created " + name);
    } else if (made.error().failure != ApiFailure::kAlreadyExists) {
      failed(name, made.error());
      return false;
    }
    return true;
  }

  void has_secret(std::int64_t generation) {
    remember([&](JobMemory& memory) {
      memory.accepted(secret_object());
      memory.wrote_secret(uid_, generation);
    });
  }

  static std::chrono::sys_seconds today() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  }

  void failed_secret(const Error& why) {
    ApiError error;
    error.message = why.message;
    if (why.code == ErrorCode::kInvalidArgument) error.reason = "Invalid";
    failed(secret_object(), error);
  }

  // Where nothing is known of the Secret, most likely there is none.
  void create_secret() {
    const auto authority = JobAuthority::make(key_.name, today());
    if (!authority.ok()) return failed_secret(authority.error());
    const auto secret = secret_of(snapshot_.job, 0, *authority, today());
    if (!secret.ok()) return failed_secret(secret.error());
    const auto made = context_.client.create(kSecrets, {key_.name_space, "", ""}, *secret, kFieldManager,
                                             KubeClient::Answer::kMetadata, context_.give_up);
    if (made.ok()) {
      wrote("created " + secret_object());
      if (ensure_further_secrets(*authority)) has_secret(generation_);
    } else if (made.error().failure == ApiFailure::kAlreadyExists) {
      adopt_secret();
    } else {
      failed(secret_object(), made.error());
    }
  }

  // Those of a job with very many workers. What is there already, of an earlier try or generation, gets what
  // it lacks.
  bool ensure_further_secrets(const JobAuthority& authority) {
    for (std::uint32_t number = 1; number < secrets_of(snapshot_.job); ++number) {
      if (!ensure_further_secret(authority, number)) return false;
    }
    return true;
  }

  bool ensure_further_secret(const JobAuthority& authority, std::uint32_t number) {
    const std::string name = secret_name(key_.name, number);
    const auto secret = secret_of(snapshot_.job, number, authority, today());
    if (!secret.ok()) return failed_secret(secret.error()), false;
    const auto made = context_.client.create(kSecrets, {key_.name_space, "", ""}, *secret, kFieldManager,
                                             KubeClient::Answer::kMetadata, context_.give_up);
    if (made.ok()) {
      wrote("created Secret " + name);
      return true;
    }
    if (made.error().failure != ApiFailure::kAlreadyExists) {
      failed(secret_object(), made.error());
      return false;
    }
    const auto found = stored_secret(name);
    if (!found) return false;
    const auto patch = secret_patch_of(snapshot_.job, number, *found, authority, today());
    if (!patch.ok()) return failed_secret(patch.error()), false;
    return !changes_certificates(*patch) || patch_secret(name, *patch);
  }

  // As the server has it, data included: the answer to a patch of nothing, which needs no right to read
  // Secrets. Nothing: it is not there or not ours, and that has been noted.
  std::optional<json> stored_secret(const std::string& name) {
    auto found = context_.client.merge_patch(kSecrets, {key_.name_space, name, ""}, json::object(),
                                             kFieldManager, KubeClient::Answer::kObject, context_.give_up);
    if (!found.ok()) {
      failed(secret_object(), found.error(), true);
      return std::nullopt;
    }
    const json& metadata = object_at(*found.operator->(), "metadata");
    if (controller_uid(metadata) != uid_) {
      failed(secret_object(), taken_by_another("Secret " + name), left_over(metadata));
      return std::nullopt;
    }
    return std::move(found).value();
  }

  bool patch_secret(const std::string& name, const json& patch) {
    const auto written =
        context_.client.merge_patch(kSecrets, {key_.name_space, name, ""}, patch, kFieldManager,
                                    KubeClient::Answer::kMetadata, context_.give_up);
    if (written.ok()) {
      wrote("updated Secret " + name);
      return true;
    }
    failed(secret_object(), written.error());
    return false;
  }

  // `found` is the Secret of number 0. Certificates that are good stay. Damaged, or of an operator that kept
  // no key: all of them are made anew.
  bool complete_secret(const json& found) {
    auto authority = authority_in(found);
    if (!authority.ok()) authority = JobAuthority::make(key_.name, today());
    if (!authority.ok()) return failed_secret(authority.error()), false;
    const auto patch = secret_patch_of(snapshot_.job, 0, found, *authority, today());
    if (!patch.ok()) return failed_secret(patch.error()), false;
    if (!ensure_further_secrets(*authority)) return false;
    // The generation stands in the Secret when all the rest does.
    const std::int64_t generation =
        label_number(object_at(object_at(found, "metadata"), "annotations"), kGenerationAnnotation);
    if (generation == generation_ && !changes_certificates(*patch)) return true;
    return patch_secret(secret_name(key_.name), *patch);
  }

  // One of another generation is for the next decision, which knows of it.
  void adopt_secret() {
    const auto found = stored_secret(secret_name(key_.name));
    if (!found) return;
    const json& metadata = object_at(*found, "metadata");
    const std::int64_t generation = label_number(object_at(metadata, "annotations"), kGenerationAnnotation);
    // Certificates may be what is missing.
    if (generation == generation_ && !complete_secret(*found)) return;
    has_secret(generation);
    if (generation == generation_) return;
    const std::lock_guard lock(mutex_);
    ready_ = false;
    result_.wrote = true;
  }

  // Where there is a Secret. False: job.json is not of this generation, or nobody would know.
  bool update_secret() {
    if (!plan_.write_secret || !snapshot_.secret_generation) return true;
    if (held(secret_object()) || !renew_secret()) return false;
    if (!plan_.ensure_service && snapshot_.service_exists) renew_promise();
    return !failing();
  }

  // job.json, and certificates for workers that have come.
  bool renew_secret() {
    const std::string name = secret_name(key_.name);
    auto found = context_.client.merge_patch(kSecrets, {key_.name_space, name, ""}, json::object(),
                                             kFieldManager, KubeClient::Answer::kObject, context_.give_up);
    if (!found.ok() && found.error().failure == ApiFailure::kNotFound) {
      remember([](JobMemory& memory) { memory.lost_secret(); });
      create_secret();
      return !failing() && ready_;
    }
    if (!found.ok()) return failed(secret_object(), found.error()), false;
    if (!complete_secret(*found.operator->())) return false;
    has_secret(generation_);
    return true;
  }

  void ensure_service() {
    json service = service_of(snapshot_.job);
    // A Service that is made again, when the Secret is up to date and its old promise was lost.
    if (snapshot_.secret_generation && !plan_.write_secret) promise_secret(service, promise_);
    const auto made = context_.client.create(kServices, {key_.name_space, "", ""}, service, kFieldManager,
                                             KubeClient::Answer::kMetadata, context_.give_up);
    if (!made.ok()) {
      if (made.error().failure != ApiFailure::kAlreadyExists) {
        failed(service_object(), made.error());
        return;
      }
      const auto found =
          context_.client.get(kServices, {key_.name_space, service_name(key_.name), ""}, context_.give_up);
      if (!found.ok()) {
        failed(service_object(), found.error(), true);
        return;
      }
      const json& metadata = object_at(*found.operator->(), "metadata");
      if (controller_uid(metadata) != uid_) {
        failed(service_object(), taken_by_another(service_object()), left_over(metadata));
        return;
      }
    } else {
      wrote("created " + service_object());
    }
    remember([&](JobMemory& memory) {
      memory.accepted(service_object());
      memory.wrote_service(uid_, now());
    });
  }

  // The new generation of the Secret is written where a restarted operator sees it. (Pods of the first
  // generation tell of that one.)
  void renew_promise() {
    json promise;
    promise_secret(promise, promise_);
    const auto told =
        context_.client.merge_patch(kServices, {key_.name_space, service_name(key_.name), ""}, promise,
                                    kFieldManager, KubeClient::Answer::kMetadata, context_.give_up);
    if (!told.ok() && told.error().failure != ApiFailure::kNotFound) failed(service_object(), told.error());
  }

  void remove_pods() {
    std::vector<FanOut::Task> tasks;
    for (const PodRemoval& removal : plan_.remove) {
      if (held("Pod " + removal.name)) continue;
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
      failed("Pod " + removal.name, removed.error());
      return;
    }
    remember([&](JobMemory& memory) {
      memory.accepted("Pod " + removal.name);
      memory.removed_pod(removal.uid, now());
    });
    if (removed.ok()) wrote("deleted Pod " + removal.name + ": " + removal.why);
  }

  void create_pods() {
    // Where one pod of a role was refused lately, the others would be too.
    bool role_held[2] = {false, false};  // NOLINT(modernize-avoid-c-arrays)
    for (const PodIdentity& identity : plan_.create) {
      if (held("Pod " + pod_name(key_.name, identity))) role_held[static_cast<int>(identity.role)] = true;
    }
    std::vector<FanOut::Task> tasks;
    for (const PodIdentity& identity : plan_.create) {
      if (role_held[static_cast<int>(identity.role)]) continue;
      if (identity.role == Role::kOrchestrator) {
        // Before any worker, which could take the last place in a quota or on a node from it.
        create_pod(identity);
        if (failing()) return;
      } else {
        tasks.emplace_back([this, &identity] { create_pod(identity); });
      }
    }
    std::size_t begin = 0;
    for (std::size_t group = kFirstPods; begin < tasks.size() && !failing();
         group = std::min(group * 2, kMostPodsAtOnce)) {
      const auto end = std::min(tasks.size(), begin + group);
      context_.fan_out.run({tasks.begin() + static_cast<std::ptrdiff_t>(begin),
                            tasks.begin() + static_cast<std::ptrdiff_t>(end)});
      begin = end;
    }
  }

  void create_pod(const PodIdentity& identity) {
    const std::string name = pod_name(key_.name, identity);
    auto pod = pod_of(*job_, identity, context_.settings);
    if (!pod.ok()) {
      ApiError error;
      error.reason = "Invalid";
      error.message = pod.error().message;
      failed("Pod " + name, error);
      return;
    }
    promise_secret(*pod, promise_);
    auto made = context_.client.create(kPods, {key_.name_space, "", ""}, *pod, kFieldManager,
                                       KubeClient::Answer::kMetadata, context_.give_up);
    if (made.ok()) {
      wrote("created Pod " + name);
      complete_new_pod(*made.operator->());
    } else if (made.error().failure == ApiFailure::kAlreadyExists) {
      // Ours, if the cache lags or the request was sent twice.
      made = context_.client.get(kPods, {key_.name_space, name, ""}, context_.give_up);
    }
    if (!made.ok()) {
      failed("Pod " + name, made.error());
      return;
    }
    const json& metadata = object_at(*made.operator->(), "metadata");
    if (controller_uid(metadata) != uid_) {
      failed("Pod " + name, taken_by_another("Pod " + name), left_over(metadata));
      return;
    }
    const kube::ObjectKey pod_key{key_.name_space, name};
    auto record = cached(std::move(made).value(), to_pod_record);
    remember([&](JobMemory& memory) {
      memory.accepted("Pod " + name);
      memory.created_pod(pod_key, std::move(record), now());
    });
  }

  Context& context_;
  const Snapshot& snapshot_;
  const Plan& plan_;
  const json* job_;  // of the snapshot, or as the status write left it
  json written_;
  kube::ObjectKey key_;
  std::string text_;  // of the key
  std::string uid_;
  std::int64_t generation_ = 0;
  std::string promise_;
  bool ready_ = true;          // nothing that pods need is held back or outdated
  bool status_stands_ = true;  // it is what was decided; of the task that writes it
  std::mutex mutex_;
  ApplyResult result_;  // guarded by mutex_ while the fan-out runs
};

ApplyResult Applier::apply(const Snapshot& snapshot, const Plan& plan) {
  return Run(context_, snapshot, plan)();
}

}  // namespace parallelrun::op
