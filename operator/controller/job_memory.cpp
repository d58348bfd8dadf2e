#include "operator/controller/job_memory.h"

#include <algorithm>

namespace parallelrun::op {
namespace {

using namespace std::chrono_literals;

// How long a cache may lag behind a write before the write is doubted.
constexpr kube::Duration kUnsettled = 10s;
constexpr kube::Duration kFirstRetry = 1s;
constexpr kube::Duration kLongestRetry = 1min;
// After its retry was due and nobody retried, the refused write is not wanted any more.
constexpr kube::Duration kRefusalOutlives = 5min;
constexpr kube::Duration kWarningsAge = 10s;

}  // namespace

void JobMemory::wrote_job(const std::string& before_version, kube::CachedObject after) {
  if (after.resource_version == before_version) return;
  superseded_.insert(before_version);
  job_ = std::move(after);
}

kube::CachedObject JobMemory::latest_job(kube::CachedObject cached) {
  if (!job_) return cached;
  // The write was conditioned on its predecessor, so any other version is the written one or newer.
  if (superseded_.contains(cached.resource_version)) return *job_;
  job_.reset();
  superseded_.clear();
  return cached;
}

bool JobMemory::wrote_version(const std::string& version) const {
  return job_ && (job_->resource_version == version || superseded_.contains(version));
}

void JobMemory::created_pod(const kube::ObjectKey& key, kube::CachedObject pod, kube::Time now) {
  created_.insert_or_assign(key.name, Created{key, std::move(pod), now + kUnsettled});
}

void JobMemory::removed_pod(const std::string& uid, kube::Time now) { removed_[uid] = now + kUnsettled; }

void JobMemory::pod_vanished(const std::string& name, const std::string& uid) {
  const auto found = created_.find(name);
  if (found != created_.end() && found->second.pod.uid == uid) created_.erase(found);
  removed_.erase(uid);
}

void JobMemory::merge_pods(Pods& pods, std::set<std::string>& removed, kube::Time now) {
  std::erase_if(created_, [&](const auto& entry) {
    return entry.second.until <= now || std::any_of(pods.begin(), pods.end(), [&](const auto& pod) {
             return pod.first.name == entry.first;
           });
  });
  for (const auto& [name, created] : created_) pods.emplace_back(created.key, created.pod);
  std::erase_if(removed_, [&](const auto& entry) {
    return entry.second <= now || std::none_of(pods.begin(), pods.end(), [&](const auto& pod) {
             return pod.second.uid == entry.first;
           });
  });
  for (const auto& [uid, until] : removed_) removed.insert(uid);
}

std::optional<kube::Time> JobMemory::unsettled_until() const {
  std::optional<kube::Time> latest;
  const auto take = [&](kube::Time until) { latest = latest ? std::max(*latest, until) : until; };
  for (const auto& [name, created] : created_) take(created.until);
  for (const auto& [uid, until] : removed_) take(until);
  return latest;
}

void JobMemory::wrote_secret(const std::string& job_uid, std::int64_t generation) {
  secret_of_ = job_uid;
  secret_generation_ = generation;
  secret_lost_ = false;  // pods and Service may promise again
}

void JobMemory::lost_secret() {
  secret_lost_ = true;
  secret_generation_ = -1;
}

std::int64_t JobMemory::secret_generation(const std::string& job_uid, std::int64_t promised) {
  if (secret_of_ != job_uid || (!secret_lost_ && promised >= secret_generation_)) {
    secret_of_.clear();
    secret_generation_ = -1;
  }
  return secret_lost_ ? secret_generation_ : std::max(secret_generation_, promised);
}

void JobMemory::wrote_service(const std::string& job_uid, kube::Time now) {
  service_of_ = job_uid;
  service_until_ = now + kUnsettled;
}

bool JobMemory::service_exists(const std::string& job_uid, bool cached, kube::Time now) {
  if (cached || service_of_ != job_uid || now >= service_until_) service_of_.clear();
  return cached || !service_of_.empty();
}

kube::Time JobMemory::refused(const std::string& object, const kube::ApiError& error, bool quiet,
                              std::int64_t generation, WallTime wall, kube::Time now) {
  Held& held = refusals_[object];
  kube::Duration pause = kFirstRetry;
  for (std::size_t i = 0; i < held.attempts && pause < kLongestRetry; ++i) pause *= 2;
  pause = std::min(pause, kLongestRetry);
  if (error.retry_after) pause = std::max<kube::Duration>(pause, *error.retry_after);
  ++held.attempts;
  held.refusal = {object, error.reason, error.message, wall};
  held.quiet = quiet;
  held.generation = generation;
  held.retry_at = now + pause;
  return held.retry_at;
}

std::optional<kube::Time> JobMemory::held_until(const std::string& object, kube::Time now) const {
  const auto found = refusals_.find(object);
  if (found == refusals_.end() || found->second.retry_at <= now) return std::nullopt;
  return found->second.retry_at;
}

std::vector<Refusal> JobMemory::refusals(std::int64_t generation, kube::Time now) {
  std::erase_if(refusals_, [&](const auto& entry) {
    return entry.second.generation != generation || entry.second.retry_at + kRefusalOutlives < now;
  });
  std::vector<Refusal> result;
  for (const auto& [object, held] : refusals_) {
    if (!held.quiet) result.push_back(held.refusal);
  }
  return result;
}

bool JobMemory::may_read_warnings(const std::string& pod_uid, kube::Time now) const {
  const auto found = warnings_.find(pod_uid);
  return found == warnings_.end() || now >= found->second.read_at + kWarningsAge;
}

void JobMemory::read_warnings(const std::string& pod_uid, std::vector<PodView::Warning> warnings,
                              kube::Time now) {
  warnings_.insert_or_assign(pod_uid, Warnings{std::move(warnings), now});
}

const std::vector<PodView::Warning>& JobMemory::warnings(const std::string& pod_uid) const {
  static const std::vector<PodView::Warning> none;
  const auto found = warnings_.find(pod_uid);
  return found == warnings_.end() ? none : found->second.found;
}

void JobMemory::forget_warnings_but(const std::set<std::string>& pod_uids) {
  std::erase_if(warnings_, [&](const auto& entry) { return !pod_uids.contains(entry.first); });
}

bool JobMemory::empty() const {
  return !job_ && created_.empty() && removed_.empty() && secret_of_.empty() && service_of_.empty() &&
         refusals_.empty() && warnings_.empty() && !secret_lost_ && throws_ == 0;
}

}  // namespace parallelrun::op
