#include "operator/decide/runner_result.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/json/json.h"
#include "common/json/members.h"
#include "common/pod/pod_layout.h"
#include "common/spec/utf8.h"
#include "common/text/counted.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

constexpr int kExitComplete = 0;
constexpr int kExitFailed = 1;
constexpr int kExitRefused = 2;
// The runner's word for an output that could not be written: another pod may write it.
constexpr const char* kOutputFailed = "OutputFailed";
constexpr std::size_t kLongestReason = 64;
constexpr std::size_t kLongestLoss = 512;

// What metav1.Condition takes, and no more than a word.
bool is_reason(const std::string& word) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !word.empty() && word.size() <= kLongestReason && letter(word.front()) &&
         std::all_of(word.begin(), word.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

// The words of a runner, or nothing.
std::optional<json> message_of(const PodView::Ended& ended) {
  if (ended.message.empty() || ended.message.size() > pod::kTerminationMessageLimit) return std::nullopt;
  json message = json::parse(ended.message, nullptr, false);
  if (!message.is_object() || text_at(message, "state").empty()) return std::nullopt;
  return message;
}

bool is_telling(const std::string& reason) {
  return !reason.empty() && reason != "Error" && reason != "Completed";
}

// What the pod said last: its runner in the termination message, or the kubelet about the pod. Of the end of
// a log, which a kubelet takes where there is no message, the end is what counts.
std::string last_words(const PodView& pod) {
  if (!pod.ended || pod.ended->message.empty()) return std::string(utf8_prefix(pod.message, kLongestLoss));
  if (const std::optional<json> said = message_of(*pod.ended)) return text_at(*said, "message");
  const std::string& text = pod.ended->message;
  if (text.size() <= kLongestLoss) return text;
  std::size_t begin = text.size() - kLongestLoss;
  while (begin < text.size() && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) ++begin;
  return "..." + text.substr(begin);
}

// How many items failed of a job that is complete; empty: none.
std::string failures_in(const json& said) {
  const std::uint64_t items = count_at(said, "itemsFailed");
  const std::uint64_t batches = count_at(said, "miniBatchesFailed");
  if (items == 0 && batches == 0) return "";
  if (items == 0)
    return fmt::format("{} of {} failed", batches,
                       counted(count_at(said, "miniBatchesCreated"), "mini-batch"));
  return fmt::format("{} of {} failed", items, counted(count_at(said, "itemsTotal"), "item"));
}

}  // namespace

std::optional<RunnerResult> runner_result(const PodView& pod) {
  const PodView::Ended& ended = *pod.ended;
  const std::optional<json> said = message_of(ended);
  if (!said) return std::nullopt;
  const std::string state = text_at(*said, "state");
  const std::string reason = text_at(*said, "reason");
  std::string message = text_at(*said, "message");
  if (state == to_string(JobState::kComplete) && ended.exit_code == kExitComplete) {
    const std::string failures = failures_in(*said);
    if (!failures.empty() && message.find(failures) == std::string::npos) {
      message = failures + " and are listed in failed_items.jsonl" + (message.empty() ? "" : "; ") + message;
    }
    const bool plain = !is_reason(reason) || reason == to_string(Reason::kCompleted);
    return RunnerResult{.complete = true,
                        .reason = !plain             ? ReasonWord::told(reason)
                                  : failures.empty() ? Reason::kCompleted
                                                     : Reason::kCompletedWithFailures,
                        .message = message,
                        .said = *said};
  }
  const bool failed = ended.exit_code == kExitFailed || ended.exit_code == kExitRefused;
  if (state != to_string(JobState::kFailed) || !failed || reason == kOutputFailed) return std::nullopt;
  if (message.empty()) message = "the job failed";
  const std::string first = text_at(*said, "firstError");
  if (!first.empty() && message.find(first) == std::string::npos) message += "; first error: " + first;
  const std::string logs = text_at(*said, "logs");
  message += fmt::format(". See kubectl logs {}", pod.name);
  if (ended.exit_code == kExitFailed) {
    const bool in_store = logs.find("://") != std::string::npos;
    message += fmt::format(", and {}{}", logs.empty() ? "logs/user/error.txt" : logs,
                           in_store ? "" : " on the output volume");
  }
  return RunnerResult{.complete = false,
                      .reason = is_reason(reason) ? ReasonWord::told(reason) : Reason::kJobFailed,
                      .message = message,
                      .said = *said};
}

std::string reason_of_loss(const PodView& pod) {
  std::string why = pod.name;
  if (pod.ended) {
    why += fmt::format(" ended with exit code {}", pod.ended->exit_code);
    const std::string& reason = pod.ended->reason;
    if (is_telling(reason)) why += " (" + reason + ")";
    if (reason == "OOMKilled") why += "; give it more memory in resources.limits.memory";
    if (is_telling(pod.reason) && pod.reason != reason) why += " (" + pod.reason + ")";
  } else {
    why += pod.reason.empty() ? " failed" : " failed (" + pod.reason + ")";
  }
  const std::string said = last_words(pod);
  return said.empty() ? why : why + ": " + said;
}

std::string words_of_loss(const PodView& pod) {
  std::string words = pod.reason;
  const auto add = [&](const std::string& more) { words += (words.empty() ? "" : ", ") + more; };
  if (pod.ended && is_telling(pod.ended->reason) && pod.ended->reason != pod.reason) add(pod.ended->reason);
  if (pod.ended) add(fmt::format("exit code {}", pod.ended->exit_code));
  if (words.empty())
    words = pod.deleting ? "deleted" : pod.disrupted ? "evicted, or its node was lost" : "failed";
  const std::string said = last_words(pod);
  return said.empty() ? words : words + ": " + said;
}

}  // namespace parallelrun::op
