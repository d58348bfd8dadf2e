#include "operator/decide/loss.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace parallelrun::op {
namespace {

using std::chrono::seconds;

// Something may be taking them all away, as soon as they come.
constexpr seconds kShortestPause{5};
constexpr seconds kAfterRejection{10};

// Evicted for what it did itself, whatever node it is on: its own limits of storage, in the words of
// kubelets.
bool used_too_much(const PodView& pod) {
  static constexpr std::array<std::string_view, 3> kWords = {
      "storage usage exceeds the total limit of containers", "exceeded its local ephemeral storage limit",
      "exceeds the limit"};
  return pod.reason == "Evicted" && std::any_of(kWords.begin(), kWords.end(), [&](std::string_view words) {
           return pod.message.find(words) != std::string::npos;
         });
}

}  // namespace

bool runs(const PodView& pod) {
  return pod.phase == "Running" && !pod.ended && !pod.deleting && pod.waiting_reason.empty() &&
         pod.data_trouble.empty();
}

Loss loss_of(const PodView& pod) {
  static constexpr std::array<std::string_view, 6> kTakenAway = {"Evicted",      "Preempting", "Shutdown",
                                                                 "NodeShutdown", "Terminated", "NodeLost"};
  if (pod.deleting) return Loss::kDeleted;
  if (!pod.ended && !is_over(pod)) return Loss::kNone;
  if (used_too_much(pod)) return Loss::kFailed;
  if (pod.disrupted || std::find(kTakenAway.begin(), kTakenAway.end(), pod.reason) != kTakenAway.end()) {
    return Loss::kDisrupted;
  }
  if (pod.ended) return pod.ended->exit_code == 0 ? Loss::kLeft : Loss::kFailed;
  if (pod.phase == "Succeeded") return Loss::kLeft;
  return pod.reason.empty() ? Loss::kFailed : Loss::kRejected;
}

const char* in_words(Loss loss) {
  switch (loss) {
    case Loss::kDeleted:
      return "was deleted";
    case Loss::kDisrupted:
      return "was evicted or lost its node";
    case Loss::kRejected:
      return "was rejected by its node";
    case Loss::kLeft:
      return "ended before the job";
    case Loss::kFailed:
      return "failed";
    case Loss::kNone:
      break;
  }
  return "is gone";
}

bool is_failure(const PodView& lost) {
  const Loss loss = loss_of(lost);
  return loss == Loss::kFailed || (loss == Loss::kLeft && lost.role == Role::kOrchestrator);
}

bool ran_long(const PodView& pod) {
  // A container that could not even be started has "started" in 1970.
  return pod.ended && pod.ended->finished - std::max(pod.ended->started, pod.created) > kLongRun;
}

WallTime earliest_replacement(const PodView& lost, std::int64_t failures, WallTime now) {
  WallTime earliest{};
  const auto after = [&](WallTime moment, seconds pause) {
    if (moment <= now) earliest = std::max(earliest, moment + pause);
  };
  // Kubelets cut times to whole seconds.
  const auto end = [&](WallTime told) { return told > now ? told : std::min(told + seconds(1), now); };
  after(lost.created, kShortestPause);
  if (loss_of(lost) == Loss::kRejected) after(lost.created, kAfterRejection);
  if (is_failure(lost)) {
    const std::int64_t doublings = std::clamp<std::int64_t>(failures - 1, 0, 6);
    const seconds pause = std::clamp(seconds(std::int64_t{1} << doublings), kShortestPause, kLongestPause);
    after(lost.ended ? end(lost.ended->finished) : lost.created, pause);
  }
  return earliest;
}

}  // namespace parallelrun::op
