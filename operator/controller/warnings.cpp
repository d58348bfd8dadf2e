#include "operator/controller/warnings.h"

#include <algorithm>
#include <array>
#include <map>

#include "common/json/members.h"
#include "common/time/rfc3339.h"
#include "operator/controller/pod_record.h"
#include "operator/controller/resources.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

constexpr int kMostEvents = 100;
constexpr std::size_t kLongestWarning = 1024;

// Old and new API tell the time in different members.
WallTime time_of(const json& event) {
  const std::array<std::string, 4> candidates = {text_at(object_at(event, "series"), "lastObservedTime"),
                                                 text_at(event, "lastTimestamp"), text_at(event, "eventTime"),
                                                 text_at(object_at(event, "metadata"), "creationTimestamp")};
  for (const auto& candidate : candidates) {
    if (const auto time = parse_rfc3339(candidate)) {
      return std::chrono::floor<std::chrono::milliseconds>(*time);
    }
  }
  return {};
}

}  // namespace

std::vector<PodView::Warning> warnings_of(const json& events) {
  const auto items = events.find("items");
  if (items == events.end() || !items->is_array()) return {};
  // The newest of each reason: a message that changes a number each time is one problem.
  std::map<std::string, PodView::Warning> newest;
  for (const json& event : *items) {
    if (text_at(event, "type") != "Warning") continue;
    PodView::Warning warning{text_at(event, "reason"), text_at(event, "message").substr(0, kLongestWarning),
                             time_of(event)};
    auto& known = newest[warning.reason];
    if (known.reason.empty() || known.time <= warning.time) known = std::move(warning);
  }
  std::vector<PodView::Warning> result;
  for (auto& [reason, warning] : newest) result.push_back(std::move(warning));
  std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
  return result;
}

kube::ApiResult<std::vector<PodView::Warning>> read_warnings(kube::KubeClient& client,
                                                             const std::string& name_space,
                                                             const std::string& pod, const std::string& uid,
                                                             const std::stop_token& stop) {
  kube::Selection selection;
  selection.fields =
      "involvedObject.kind=Pod,involvedObject.name=" + pod + ",involvedObject.uid=" + uid + ",type=Warning";
  const auto events = client.list_page(kCoreEvents, name_space, selection, kMostEvents, "", stop);
  if (!events.ok()) return events.error();
  return warnings_of(events.value());
}

bool misses_secret(const std::vector<PodView::Warning>& warnings, const std::string& secret) {
  return std::any_of(warnings.begin(), warnings.end(), [&](const PodView::Warning& warning) {
    const auto says = [&warning](const std::string& words) {
      return warning.message.find(words) != std::string::npos;
    };
    if (warning.reason != "FailedMount") return false;
    // An item of it that is not there, or the Secret of further workers: its name and a number.
    if (says("volume \"job\" : references non-existent secret key")) return true;
    const std::size_t numbered = warning.message.find("secret \"" + secret + "-");
    const bool further = numbered != std::string::npos &&
                         warning.message.find_first_not_of("0123456789", numbered + secret.size() + 9) ==
                             warning.message.find("\" not found", numbered);
    return further || says("secret \"" + secret + "\" not found");
  });
}

}  // namespace parallelrun::op
