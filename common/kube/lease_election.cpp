#include "common/kube/lease_election.h"

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <utility>

#include "common/json/members.h"

namespace parallelrun::kube {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

const Resource kLeases{"coordination.k8s.io", "v1", "leases"};

Time steady_now() { return std::chrono::steady_clock::now(); }

LeaseOptions completed(LeaseOptions options) {
  if (!options.random) {
    auto engine = std::make_shared<std::mt19937_64>(std::random_device{}());
    options.random = [engine] { return std::uniform_real_distribution<double>()(*engine); };
  }
  const auto checked = check_lease_options(options);
  if (!checked.ok()) throw std::invalid_argument(checked.error().message);
  return options;
}

// The API's integers are int32 and not negative; of what else may be written the nearest is taken.
std::int32_t count_of(const json& spec, const char* name) {
  constexpr std::int64_t kHighest = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(number_at(spec, name).value_or(0), 0, kHighest));
}

}  // namespace

LeaseRecord lease_record(const json& lease) {
  const json& spec = object_at(lease, "spec");
  LeaseRecord record;
  record.holder = text_at(spec, "holderIdentity");
  record.duration = std::chrono::seconds(count_of(spec, "leaseDurationSeconds"));
  record.acquire_time = text_at(spec, "acquireTime");
  record.renew_time = text_at(spec, "renewTime");
  record.transitions = count_of(spec, "leaseTransitions");
  record.resource_version = text_at(object_at(lease, "metadata"), "resourceVersion");
  return record;
}

void set_lease_record(json& lease, const LeaseRecord& record) {
  json& spec = lease["spec"];
  const auto set_text = [&](const char* name, const std::string& text) {
    if (text.empty()) {
      spec.erase(name);
    } else {
      spec[name] = text;
    }
  };
  if (!spec.is_object()) spec = json::object();
  set_text("holderIdentity", record.holder);
  set_text("acquireTime", record.acquire_time);
  set_text("renewTime", record.renew_time);
  spec["leaseDurationSeconds"] = record.duration.count();
  spec["leaseTransitions"] = record.transitions;
  if (!record.resource_version.empty()) lease["metadata"]["resourceVersion"] = record.resource_version;
}

ApiResult<Response> LeaseElection::Hurried::send(const Request& request, const std::stop_token& stop) {
  Request hurried = request;
  hurried.timeout = std::min(request.timeout, limit_);
  return next_.send(hurried, stop);
}

ApiResult<Response> LeaseElection::Hurried::stream(const Request& request, const LineSink& sink,
                                                   const std::stop_token& stop) {
  return next_.stream(request, sink, stop);
}

LeaseElection::LeaseElection(Transport& transport, LeaseTarget target, LeaseOptions options,
                             OnChange on_change)
    : target_(std::move(target)),
      options_(completed(std::move(options))),
      on_change_(std::move(on_change)),
      transport_(transport),
      client_(transport_),
      state_(options_) {}

void LeaseElection::run(const std::stop_token& stop) {
  const std::stop_token never;
  while (true) {
    std::unique_lock lock(mutex_);
    const bool stopping = stop.stop_requested();
    const Time now = steady_now();
    if (stopping) state_.stop(now);
    const auto action = state_.next(now, std::chrono::system_clock::now());
    transport_.set_limit(request_limit(now));
    const auto held_until = state_.held_until();
    lock.unlock();
    report();
    if (std::holds_alternative<LeaseState::Over>(action)) return;
    if (const auto* wait = std::get_if<LeaseState::Wait>(&action)) {
      // Also at the moment where it becomes uncertain, so that this is told.
      const bool sooner = held_until && now < *held_until && *held_until < wait->until;
      std::mutex unused;
      std::unique_lock idle(unused);
      std::condition_variable_any().wait_until(idle, stopping ? never : stop,
                                               sooner ? *held_until : wait->until, [] { return false; });
    } else {
      step(action, stopping ? never : stop);
    }
  }
}

// A request that hangs must leave time for another one; none outlasts the moment where the Lease becomes
// uncertain.
std::chrono::milliseconds LeaseElection::request_limit(Time now) const {
  Duration limit = options_.renew_deadline / 2;
  const auto held_until = state_.held_until();
  if (held_until && now < *held_until) limit = std::min(limit, *held_until - now);
  if (state_.standing(now) == LeaseStanding::kGivenUp) limit = std::min(limit, options_.release_limit / 2);
  return std::chrono::ceil<std::chrono::milliseconds>(limit);
}

void LeaseElection::step(const LeaseState::Action& action, const std::stop_token& stop) {
  const ObjectPath path{target_.name_space, target_.name, ""};
  if (std::holds_alternative<LeaseState::Get>(action)) {
    tell(client_.get(kLeases, path, stop), false);
  } else if (const auto* create = std::get_if<LeaseState::Create>(&action)) {
    json body = {{"apiVersion", "coordination.k8s.io/v1"},
                 {"kind", "Lease"},
                 {"metadata", {{"name", target_.name}, {"namespace", target_.name_space}}}};
    if (!target_.labels.empty()) body["metadata"]["labels"] = target_.labels;
    if (!target_.owner_references.empty()) body["metadata"]["ownerReferences"] = target_.owner_references;
    set_lease_record(body, create->record);
    tell(client_.create(kLeases, path, body, target_.field_manager, KubeClient::Answer::kObject, stop), true);
  } else if (const auto* replace = std::get_if<LeaseState::Replace>(&action)) {
    json body = last_body_;
    set_lease_record(body, replace->record);
    tell(client_.replace(kLeases, path, body, target_.field_manager, stop), true);
  }
}

void LeaseElection::tell(const ApiResult<json>& answer, bool written) {
  if (answer.ok()) last_body_ = answer.value();
  const std::lock_guard lock(mutex_);
  const Time now = steady_now();
  if (answer.ok()) {
    last_error_.reset();
    const LeaseRecord record = lease_record(answer.value());
    if (written) {
      state_.on_written(now, record);
    } else {
      state_.on_record(now, record);
    }
    return;
  }
  const ApiFailure failure = answer.error().failure;
  const bool absent = failure == ApiFailure::kNotFound;
  if (absent && !written) {
    last_error_.reset();
    state_.on_absent(now);
  } else if (written && (failure == ApiFailure::kConflict || failure == ApiFailure::kAlreadyExists)) {
    state_.on_conflict(now);
  } else {
    // A kNotFound of a write too: the Lease is gone, or its namespace is.
    if (failure != ApiFailure::kStopped) last_error_ = answer.error();
    state_.on_failed(now);
  }
}

void LeaseElection::report() {
  const LeaseStanding current = standing();
  if (current == std::exchange(reported_, current)) return;
  if (on_change_) on_change_(current);
}

LeaseStanding LeaseElection::standing() const {
  const std::lock_guard lock(mutex_);
  return state_.standing(steady_now());
}

std::string LeaseElection::holder() const {
  const std::lock_guard lock(mutex_);
  return state_.record() ? state_.record()->holder : std::string();
}

int LeaseElection::transitions() const {
  const std::lock_guard lock(mutex_);
  return state_.record() ? state_.record()->transitions : 0;
}

std::optional<ApiError> LeaseElection::last_error() const {
  const std::lock_guard lock(mutex_);
  return last_error_;
}

}  // namespace parallelrun::kube
