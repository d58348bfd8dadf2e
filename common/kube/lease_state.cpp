#include "common/kube/lease_state.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace parallelrun::kube {
namespace {

using namespace std::chrono_literals;

}  // namespace

Status check_lease_options(const LeaseOptions& options) {
  const auto refusal = [](const std::string& rule) {
    return Error{ErrorCode::kInvalidArgument, rule, false};
  };
  if (options.identity.empty()) return refusal("a Lease needs the identity of its holder");
  if (options.lease_duration < 1s || options.lease_duration % std::chrono::seconds(1) != 0ns) {
    return refusal("the lease duration must be whole seconds, 1 or more");
  }
  if (options.renew_deadline >= options.lease_duration) {
    return refusal("the renew deadline must be shorter than the lease duration");
  }
  const auto longest = std::chrono::duration_cast<Duration>(options.retry_period * (1 + options.jitter));
  if (options.retry_period <= 0ns || options.jitter < 0 || longest >= options.renew_deadline) {
    return refusal(
        "the retry period with its jitter must be more than 0 and shorter than the renew deadline");
  }
  return {};
}

Duration LeaseState::pause() const {
  const double extra =
      static_cast<double>(options_.retry_period.count()) * options_.jitter * options_.random();
  return options_.retry_period + Duration(static_cast<Duration::rep>(extra));
}

Time LeaseState::expiry() const {
  const Duration duration = known_->duration > 0s ? Duration(known_->duration) : options_.lease_duration;
  return changed_at_ + duration;
}

bool LeaseState::may_take(Time now) const {
  const std::string& holder = known_->holder;
  return holder.empty() || holder == options_.identity || options_.ended_holders.contains(holder) ||
         now >= expiry();
}

LeaseRecord LeaseState::own_record(WallTime wall) const {
  LeaseRecord record = known_.value_or(LeaseRecord{});
  const bool ours = record.holder == options_.identity;
  // The API takes no negative ones, so the count begins anew behind the highest: any other number is a
  // change.
  if (known_ && !ours) {
    record.transitions = record.transitions == std::numeric_limits<int>::max() ? 0 : record.transitions + 1;
  }
  if (!ours) record.acquire_time = micro_time(wall);
  record.holder = options_.identity;
  record.duration = std::chrono::duration_cast<std::chrono::seconds>(options_.lease_duration);
  record.renew_time = micro_time(wall);
  return record;
}

LeaseState::Action LeaseState::next(Time now, WallTime wall) {
  if (over_ || lost_) return Over{};
  if (stop_by_) return next_when_stopping(now, wall);
  if (now < next_try_) return Wait{next_try_};
  if (!fresh_) return Get{};
  fresh_ = false;
  maybe_ours_ = true;
  sent_at_ = now;
  LeaseRecord record = own_record(wall);
  attempted_transitions_ = record.transitions;
  if (!known_) return Create{std::move(record)};
  return Replace{std::move(record)};
}

LeaseState::Action LeaseState::next_when_stopping(Time now, WallTime wall) {
  const bool nothing_to_give = !maybe_ours_ || (fresh_ && (!known_ || known_->holder != options_.identity));
  if (nothing_to_give || now >= *stop_by_) {
    over_ = true;
    return Over{};
  }
  if (now < next_try_) return Wait{std::min(next_try_, *stop_by_)};
  if (!fresh_) return Get{};
  fresh_ = false;
  releasing_ = true;
  sent_at_ = now;
  LeaseRecord record = *known_;
  record.holder.clear();
  record.duration = 1s;  // for contenders that look at nothing else
  record.renew_time = micro_time(wall);
  attempted_transitions_ = record.transitions;
  return Replace{std::move(record)};
}

void LeaseState::on_record(Time now, const LeaseRecord& record) {
  releasing_ = false;
  if (!known_ || known_->resource_version != record.resource_version) changed_at_ = now;
  known_ = record;
  fresh_ = true;
  const bool named = record.holder == options_.identity;
  if (held_) {
    const bool same = record.transitions == own_transitions_ && (named || record.holder.empty());
    // Of a write whose reply was lost.
    const bool attempted = named && record.transitions == attempted_transitions_;
    lost_ = !same && !attempted;
    return;
  }
  if (may_take(now)) return;
  fresh_ = false;
  conflicts_ = 0;
  next_try_ = std::min(now + pause(), expiry());
}

void LeaseState::on_absent(Time) {
  releasing_ = false;
  known_.reset();
  fresh_ = true;
}

void LeaseState::on_written(Time now, const LeaseRecord& record) {
  known_ = record;
  changed_at_ = now;
  conflicts_ = 0;
  if (std::exchange(releasing_, false)) {
    over_ = true;
    return;
  }
  fresh_ = true;
  held_ = true;
  own_transitions_ = record.transitions;
  // From the moment it was sent: others may have seen it right then.
  held_until_ = sent_at_ + options_.renew_deadline;
  next_try_ = stop_by_ ? now : std::max(now, sent_at_ + pause());
}

void LeaseState::on_conflict(Time now) {
  releasing_ = false;
  fresh_ = false;
  // The first time somebody just was faster, or a reply of ours was lost: look at once.
  next_try_ = ++conflicts_ == 1 ? now : now + pause();
}

void LeaseState::on_failed(Time now) {
  releasing_ = false;
  fresh_ = false;
  next_try_ = now + pause();
}

void LeaseState::stop(Time now) {
  if (stop_by_) return;
  stop_by_ = now + options_.release_limit;
  next_try_ = now;
}

LeaseStanding LeaseState::standing(Time now) const {
  if (lost_) return LeaseStanding::kLost;
  if (over_ || stop_by_) return LeaseStanding::kGivenUp;
  if (!held_) return LeaseStanding::kWaiting;
  return now < held_until_ ? LeaseStanding::kHeld : LeaseStanding::kUncertain;
}

std::optional<Time> LeaseState::held_until() const {
  if (!held_ || lost_ || over_ || stop_by_) return std::nullopt;
  return held_until_;
}

}  // namespace parallelrun::kube
