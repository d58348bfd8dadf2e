#include "operator/controller/plan_writes.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "operator/controller/clock.h"
#include "operator/controller/snapshot_reader.h"

namespace parallelrun::op {
namespace {

using kube::ApiError;
using kube::ApiFailure;

bool passes(const ApiError& error) {
  return error.transient() || error.failure == ApiFailure::kStopped || error.failure == ApiFailure::kConflict;
}

bool namespace_ends(const ApiError& error) {
  return error.failure == ApiFailure::kNotFound ||
         error.message.find("because it is being terminated") != std::string::npos;
}

bool account_missing(const ApiError& error) {
  return error.message.find("error looking up service account") != std::string::npos;
}

}  // namespace

PlanWrites::PlanWrites(const Applier::Context& context, kube::ObjectKey job, std::int64_t generation)
    : context_(context), job_(std::move(job)), text_(key_text(job_)), generation_(generation) {}

void PlanWrites::wrote(const std::string& what) {
  context_.log->info("{}: {}", text_, what);
  const std::lock_guard lock(mutex_);
  result_.wrote = true;
}

void PlanWrites::accepted(const std::string& object) {
  remember([&](JobMemory& memory) { memory.accepted(object); });
}

void PlanWrites::failed(const std::string& object, const ApiError& error, bool quiet) {
  {
    const std::lock_guard lock(mutex_);
    if (passes(error)) {
      result_.failure = object + ": " + error.message;
      if (error.retry_after) result_.at_least = *error.retry_after;
      return;
    }
    result_.refused = true;
  }
  if (account_missing(error)) context_.memories.note_account(job_.name_space, false);
  quiet = quiet || namespace_ends(error);
  remember([&](JobMemory& memory) { memory.refused(object, error, quiet, generation_, wall_now(), now()); });
  context_.log->warn("{}: {} is refused: {}", text_, object, error.message);
}

void PlanWrites::status_failed(const ApiError& error) {
  if (passes(error)) return failed("status", error);
  const std::lock_guard lock(mutex_);
  if (error.failure == ApiFailure::kNotFound) {
    result_.gone = true;
  } else {
    // Not something that a decision could know of.
    result_.failure = "status: " + error.message;
  }
}

void PlanWrites::job_is_gone() {
  const std::lock_guard lock(mutex_);
  result_.gone = true;
}

void PlanWrites::outdated() {
  const std::lock_guard lock(mutex_);
  result_.wrote = true;
}

bool PlanWrites::held(const std::string& object) {
  const auto until = remember([&](JobMemory& memory) { return memory.held_until(object, now()); });
  if (!until) return false;
  const std::lock_guard lock(mutex_);
  result_.held_until = result_.held_until ? std::min(*result_.held_until, *until) : *until;
  return true;
}

bool PlanWrites::failing() const {
  const std::lock_guard lock(mutex_);
  return !result_.failure.empty() || result_.refused;
}

bool PlanWrites::unfinished() const {
  const std::lock_guard lock(mutex_);
  return !result_.failure.empty();
}

ApplyResult PlanWrites::result() const {
  const std::lock_guard lock(mutex_);
  return result_;
}

}  // namespace parallelrun::op
