#include "operator/decide/runner_result.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/json/json.h"
#include "common/json/members.h"
#include "common/pod/pod_layout.h"
#include "common/spec/utf8.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

constexpr int kExitComplete = 0;
constexpr int kExitFailed = 1;
constexpr int kExitRefused = 2;
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

}  // namespace

std::optional<RunnerResult> runner_result(const PodView& pod) {
  const PodView::Ended& ended = *pod.ended;
  const std::optional<json> said = message_of(ended);
  if (!said) return std::nullopt;
  const std::string state = text_at(*said, "state");
  const std::string reason = text_at(*said, "reason");
  std::string message = text_at(*said, "message");
  if (state == "Complete" && ended.exit_code == kExitComplete) {
    return RunnerResult{.complete = true,
                        .reason = is_reason(reason) ? reason : "Completed",
                        .message = message,
                        .said = *said};
  }
  const bool failed = ended.exit_code == kExitFailed || ended.exit_code == kExitRefused;
  if (state != "Failed" || !failed || reason == "OutputFailed") return std::nullopt;
  if (message.empty()) message = "the job failed";
  const std::string first = text_at(*said, "firstError");
  if (!first.empty() && message.find(first) == std::string::npos) message += "; first error: " + first;
  const std::string logs = text_at(*said, "logs");
  message += fmt::format(". See kubectl logs {}", pod.name);
  if (ended.exit_code == kExitFailed) {
    message += fmt::format(", and {} on the output volume", logs.empty() ? "logs/user/error.txt" : logs);
  }
  return RunnerResult{.complete = false,
                      .reason = is_reason(reason) ? reason : "JobFailed",
                      .message = message,
                      .said = *said};
}

std::string reason_of_loss(const PodView& pod) {
  if (pod.ended) {
    const std::optional<json> said = message_of(*pod.ended);
    std::string message =
        said ? text_at(*said, "message") : std::string(utf8_prefix(pod.ended->message, kLongestLoss));
    std::string why = fmt::format("{} ended with exit code {}", pod.name, pod.ended->exit_code);
    const std::string& reason = pod.ended->reason;
    if (!reason.empty() && reason != "Error" && reason != "Completed") why += " (" + reason + ")";
    if (reason == "OOMKilled") why += "; give it more memory in resources.limits.memory";
    if (!message.empty()) why += ": " + message;
    return why;
  }
  std::string why = pod.name + (pod.reason.empty() ? " failed" : " failed (" + pod.reason + ")");
  if (!pod.message.empty()) why += ": " + std::string(utf8_prefix(pod.message, kLongestLoss));
  return why;
}

}  // namespace parallelrun::op
