#include "operator/controller/controller.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/json/members.h"
#include "operator/controller/clock.h"
#include "operator/controller/pod_record.h"
#include "operator/controller/snapshot_reader.h"
#include "operator/controller/warnings.h"
#include "operator/decide/stage_of_work.h"
#include "operator/pods/children.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

// Deciding again after each plan reaches an empty one soon; more rounds are a mistake somewhere, and must not
// become a storm of writes.
constexpr int kMostRounds = 8;
constexpr kube::Duration kAfterMostRounds = 10s;
constexpr std::size_t kMostThrows = 3;
// A clock that is set must not make a deadline be missed by more.
constexpr kube::Duration kLongestSleep = 6h;

kube::Time steady_time(WallTime at) {
  const kube::Duration ahead = at - wall_now();
  return now() + std::clamp<kube::Duration>(ahead, 1ms, kLongestSleep);
}

void sooner(std::optional<kube::Time>& time, std::optional<kube::Time> other) {
  if (other && (!time || *other < *time)) time = other;
}

// What status says of the work, and whether there is any: workers may have waited for that.
bool same_words(const json& before, const json& after) {
  const auto words = [](const json& job) {
    const json& progress = object_at(object_at(job, "status"), "progress");
    return std::pair(progress.empty(), work_in_words(progress));
  };
  return words(before) == words(after);
}

// Quick at first: most failures are conflicts, which end when the cache has caught up.
kube::WorkQueue::Options queue_options() { return {5ms, 1min}; }

}  // namespace

Controller::Controller(kube::KubeClient& client, Options options, Observer& observer,
                       std::shared_ptr<spdlog::logger> log)
    : client_(client),
      options_(std::move(options)),
      observer_(observer),
      log_(std::move(log)),
      fan_out_(options_.request_threads),
      events_(client,
              {options_.instance, 1000, {}, [log = log_](const std::string& why) { log->warn("{}", why); }}),
      applier_(
          {client, memories_, events_, fan_out_, observer, log_, options_.settings, give_up_.get_token()}),
      loop_(
          queue_options(), [this](const std::string& key) { return reconcile(key); }, observer),
      caches_(client,
              {options_.name_spaces, options_.random,
               [log = log_](const std::string& what) { log->warn("{}", what); }},
              *this) {}

Controller::~Controller() { stop(0s); }

void Controller::start() { caches_.start(); }

void Controller::lead() {
  leads_ = true;
  loop_.start(options_.workers);
}

void Controller::stop(kube::Duration patience) {
  loop_.stop();
  const auto end = now() + patience;
  while (loop_.state().active > 0 && now() < end) std::this_thread::sleep_for(5ms);
  give_up_.request_stop();
}

void Controller::count_state(const json& before, const json& after) {
  const std::lock_guard lock(states_mutex_);
  if (!before.is_null()) --states_[state_of(before)];
  if (!after.is_null()) ++states_[state_of(after)];
}

void Controller::job_changed(const kube::CacheChange& change) {
  const std::string key = key_text(change.key);
  const json before = change.before ? change.before.unpack() : json();
  const json after = change.after ? change.after.unpack() : json();
  count_state(before, after);
  dataset_users_.job_changed(change.key, after.is_null() || finished(after) ? nullptr : &after);
  finished_runs_.job_changed(change.key, after.is_null() ? nullptr : &after);
  successors_.job_changed(change.key, after.is_null() ? nullptr : &after);
  if (!before.is_object() || !after.is_object() || !same_but_progress(before, after)) {
    for (const kube::ObjectKey& job : successors_.of(change.key)) loop_.add(key_text(job));
  }
  if (before.is_object() && after.is_object()) {
    if (leads_ && !finished(after)) {
      const auto done = [](const json& job) {
        return work_counts(object_at(object_at(job, "status"), "progress"));
      };
      const WorkCounts fresh = growth(done(before), done(after));
      if (fresh != WorkCounts{}) observer_.work_done(fresh);
    }
    if (same_but_progress(before, after) && same_words(before, after)) return;
    // Whoever wrote it has decided again since.
    const std::string version = text_at(object_at(after, "metadata"), "resourceVersion");
    if (memories_.with(key, [&](JobMemory& memory) { return memory.wrote_version(version); })) return;
  }
  loop_.add(key);
}

void Controller::pod_changed(const kube::CacheChange& change) {
  // What is not in the record does not matter.
  if (change.before && change.after && change.before == change.after) return;
  const json record = (change.after ? change.after : change.before).unpack();
  const std::string job = job_of_record(record);
  if (job.empty()) return;
  const std::string key = key_text({change.key.name_space, job});
  loop_.add_at(key, now() + options_.pod_delay);
}

void Controller::service_changed(const kube::CacheChange& change) {
  if (change.after) return;  // made by us; nobody else's change matters
  const std::string job = job_of_record(change.before.unpack());
  if (!job.empty()) loop_.add(key_text({change.key.name_space, job}));
}

// What starts a job that waits for it, or is to be told to one that has it.
void Controller::dataset_changed(const kube::CacheChange& change) {
  for (const kube::ObjectKey& job : dataset_users_.of(change.key)) loop_.add(key_text(job));
}

ReconcileLoop::Outcome Controller::reconcile(const std::string& key) {
  try {
    const auto outcome = reconcile(key_of(key), key);
    memories_.with(key, [](JobMemory& memory) { memory.did_not_throw(); });
    return outcome;
  } catch (const std::exception& problem) {
    return threw(key, problem.what());
  } catch (...) {
    return threw(key, "an unknown exception");
  }
}

// A mistake of ours about one job takes no other down. What does not pass by itself (no memory does, perhaps)
// ends that job.
ReconcileLoop::Outcome Controller::threw(const std::string& key, const std::string& what) {
  const std::size_t times = memories_.with(key, [](JobMemory& memory) { return memory.threw(); });
  log_->error("{}: {} (time {} in a row)", key, what, times);
  ReconcileLoop::Outcome again{true, 1s, std::nullopt};
  if (times < kMostThrows) return again;
  try {
    const auto snapshot = read_snapshot(key_of(key), caches_, memories_, now());
    if (snapshot) (void)applier_.apply(*snapshot, give_up(snapshot->job, what, wall_now()));
  } catch (const std::exception& problem) {
    log_->error("{}: its status cannot be set to Failed either: {}", key, problem.what());
  }
  return again;
}

ReconcileLoop::Outcome Controller::reconcile(const kube::ObjectKey& job, const std::string& key) {
  ReconcileLoop::Outcome outcome;
  for (int round = 0; round < kMostRounds; ++round) {
    auto snapshot = read_snapshot(job, caches_, memories_, now());
    if (!snapshot) {
      memories_.forget(key);
      return {};
    }
    snapshot->earlier_runs = finished_runs_.for_job(*snapshot);
    const Plan plan = options_.decide(*snapshot, options_.settings, wall_now());
    outcome.again_at.reset();
    if (plan.again_at) outcome.again_at = steady_time(*plan.again_at);
    const ApplyResult result = applier_.apply(*snapshot, plan);
    sooner(outcome.again_at, result.held_until);
    if (result.gone) {
      memories_.forget(key);
      return {};
    }
    if (!result.failure.empty()) {
      log_->debug("{}: {}", key, result.failure);
      return {true, result.at_least, outcome.again_at};
    }
    // Other jobs have their turn first.
    if (plan.more_to_create && result.wrote && !result.refused) {
      outcome.again_at = now();
      return outcome;
    }
    const bool read = read_warnings(*snapshot, plan, job);
    if (!result.wrote && !result.refused && !read) {
      sooner(outcome.again_at,
             memories_.with(key, [](JobMemory& memory) { return memory.unsettled_until(); }));
      return outcome;
    }
  }
  log_->warn("{}: not settled after {} rounds; more rounds follow", key, kMostRounds);
  sooner(outcome.again_at, now() + kAfterMostRounds);
  return outcome;
}

bool Controller::read_warnings(const Snapshot& snapshot, const Plan& plan, const kube::ObjectKey& job) {
  const std::set<std::string> wanted(plan.read_warnings_of.begin(), plan.read_warnings_of.end());
  const std::string key = key_text(job);
  bool read = false;
  for (const PodView& pod : snapshot.pods) {
    if (!wanted.contains(pod.name)) continue;
    if (!memories_.with(key, [&](JobMemory& memory) { return memory.may_read_warnings(pod.uid, now()); })) {
      continue;
    }
    auto found = op::read_warnings(client_, job.name_space, pod.name, pod.uid, give_up_.get_token());
    if (!found.ok()) {
      log_->warn("{}: the events of {} cannot be read: {}", key, pod.name, found.error().message);
      found = std::vector<PodView::Warning>();
    }
    const bool secret_lost = misses_secret(found.value(), secret_name(job.name));
    memories_.with(key, [&](JobMemory& memory) {
      memory.read_warnings(pod.uid, std::move(found).value(), now());
      if (secret_lost) memory.lost_secret();
    });
    read = true;
  }
  return read;
}

Controller::State Controller::state() const {
  State state;
  state.leads = leads_;
  state.queue = loop_.state();
  state.pods = caches_.pods();
  state.memories = memories_.size();
  const std::lock_guard lock(states_mutex_);
  state.jobs = states_;
  return state;
}

}  // namespace parallelrun::op
