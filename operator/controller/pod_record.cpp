#include "operator/controller/pod_record.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "common/json/members.h"
#include "common/pod/pod_layout.h"
#include "common/time/rfc3339.h"
#include "operator/controller/resources.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

// Of messages of the kubelet and the scheduler; a termination message is kept whole.
constexpr std::size_t kLongestMessage = 1024;
constexpr std::array kOrdinaryWaits = {"", "PodInitializing", "ContainerCreating"};

const json& array_at(const json& object, const char* name) {
  static const json none = json::array();
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : none;
}

std::string short_text_at(const json& object, const char* name) {
  std::string text = text_at(object, name);
  if (text.size() <= kLongestMessage) return text;
  std::size_t end = kLongestMessage;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text;
}

std::int64_t milliseconds_at(const json& object, const char* name) {
  const auto time = parse_rfc3339(text_at(object, name));
  return time ? std::chrono::floor<std::chrono::milliseconds>(*time).time_since_epoch().count() : 0;
}

WallTime wall_time(std::int64_t milliseconds) { return WallTime(std::chrono::milliseconds(milliseconds)); }

// Whatever a label says: no number of ours is larger.
std::uint32_t bounded(std::optional<std::int64_t> number) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(number.value_or(0), 0, std::numeric_limits<std::int32_t>::max()));
}

void put(json& record, const char* name, json value) {
  const bool empty = (value.is_string() && value.get_ref<const std::string&>().empty()) ||
                     (value.is_boolean() && !value.get<bool>()) ||
                     (value.is_number_integer() && value.get<std::int64_t>() == 0);
  if (!empty) record[name] = std::move(value);
}

void put_conditions(json& record, const json& status) {
  for (const json& condition : array_at(status, "conditions")) {
    const std::string type = text_at(condition, "type");
    const bool holds = text_at(condition, "status") == "True";
    if (type == "Ready") put(record, "ready", holds);
    if (type == "DisruptionTarget") put(record, "disrupted", holds);
    if (type == "PodScheduled" && !holds) {
      put(record, "unscheduled", text_at(condition, "reason"));
      put(record, "unscheduledMessage", short_text_at(condition, "message"));
    }
  }
}

void put_waiting(json& record, const json& status) {
  for (const char* list : {"initContainerStatuses", "containerStatuses"}) {
    for (const json& container : array_at(status, list)) {
      const json& waiting = object_at(object_at(container, "state"), "waiting");
      const std::string reason = text_at(waiting, "reason");
      if (std::find(kOrdinaryWaits.begin(), kOrdinaryWaits.end(), reason) != kOrdinaryWaits.end()) continue;
      // put_data_trouble() has a better word for it.
      if (reason == "CrashLoopBackOff" && text_at(container, "name") == pod::kDataContainer) continue;
      put(record, "waiting", reason);
      put(record, "waitingMessage", short_text_at(waiting, "message"));
      return;
    }
  }
}

// Why the container that reads object stores has failed and does not serve yet.
void put_data_trouble(json& record, const json& status) {
  for (const json& container : array_at(status, "initContainerStatuses")) {
    if (text_at(container, "name") != pod::kDataContainer) continue;
    const json& now = object_at(object_at(container, "state"), "terminated");
    const json& ended = now.empty() ? object_at(object_at(container, "lastState"), "terminated") : now;
    const std::int64_t code = number_at(ended, "exitCode").value_or(0);
    const auto started = container.find("started");
    const bool serves = now.empty() && started != container.end() && *started == true;
    if (code == 0 || serves) return;
    const std::string message = short_text_at(ended, "message");
    put(record, "dataTrouble",
        message.empty() ? text_at(ended, "reason") + ", exit code " + std::to_string(code) : message);
  }
}

void put_end(json& record, const json& status) {
  for (const json& container : array_at(status, "containerStatuses")) {
    const json& ended = object_at(object_at(container, "state"), "terminated");
    if (text_at(container, "name") != pod::kContainer) {
      if (ended.empty()) record["othersRun"] = true;
      continue;
    }
    if (ended.empty()) continue;
    json end = {{"code", number_at(ended, "exitCode").value_or(0)}};
    put(end, "reason", text_at(ended, "reason"));
    put(end, "message", text_at(ended, "message"));
    put(end, "started", milliseconds_at(ended, "startedAt"));
    put(end, "finished", milliseconds_at(ended, "finishedAt"));
    record["ended"] = std::move(end);
  }
}

}  // namespace

std::int64_t label_number(const json& labels, const char* name) {
  const std::string text = text_at(labels, name);
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size() && number >= 0 ? number : 0;
}

std::string controller_uid(const json& metadata) {
  for (const json& owner : array_at(metadata, "ownerReferences")) {
    const auto controller = owner.find("controller");
    if (controller != owner.end() && controller->is_boolean() && controller->get<bool>()) {
      return text_at(owner, "uid");
    }
  }
  return {};
}

void to_pod_record(json& pod) {
  const json& metadata = object_at(pod, "metadata");
  const json& labels = object_at(metadata, "labels");
  const json& status = object_at(pod, "status");
  json record = json::object();
  put(record, "job", text_at(labels, kJobLabel));
  put(record, "owner", controller_uid(metadata));
  put(record, "orchestrator", text_at(labels, pod::kRoleLabel) == "orchestrator");
  put(record, "index", label_number(labels, "parallelrun.dev/index"));
  put(record, "incarnation", label_number(labels, "parallelrun.dev/incarnation"));
  if (const std::string generation = text_at(object_at(metadata, "annotations"), kSecretGeneration);
      !generation.empty()) {
    record["secret"] = label_number(metadata.at("annotations"), kSecretGeneration);
  }
  put(record, "mayReuse", object_at(metadata, "annotations").contains(kMayReuseAnnotation));
  put(record, "deleting", metadata.contains("deletionTimestamp"));
  put(record, "created", milliseconds_at(metadata, "creationTimestamp"));
  put(record, "node", text_at(object_at(pod, "spec"), "nodeName"));
  put(record, "phase", text_at(status, "phase"));
  put(record, "reason", text_at(status, "reason"));
  put(record, "message", short_text_at(status, "message"));
  put_conditions(record, status);
  put_waiting(record, status);
  put_data_trouble(record, status);
  put_end(record, status);
  pod = std::move(record);
}

PodView pod_view(const kube::ObjectKey& key, const std::string& uid, const json& record,
                 const std::string& job_uid) {
  const auto holds = [&](const char* name) { return record.contains(name); };
  PodView view;
  view.name = key.name;
  view.uid = uid;
  view.role = holds("orchestrator") ? Role::kOrchestrator : Role::kWorker;
  view.index = bounded(number_at(record, "index"));
  view.incarnation = bounded(number_at(record, "incarnation"));
  view.owned = text_at(record, "owner") == job_uid;
  view.deleting = holds("deleting");
  view.may_reuse = holds("mayReuse");
  view.created = wall_time(number_at(record, "created").value_or(0));
  view.node = text_at(record, "node");
  view.phase = text_at(record, "phase");
  view.reason = text_at(record, "reason");
  view.message = text_at(record, "message");
  view.ready = holds("ready");
  view.disrupted = holds("disrupted");
  view.unscheduled_reason = text_at(record, "unscheduled");
  view.unscheduled_message = text_at(record, "unscheduledMessage");
  view.waiting_reason = text_at(record, "waiting");
  view.waiting_message = text_at(record, "waitingMessage");
  view.data_trouble = text_at(record, "dataTrouble");
  if (const json& end = object_at(record, "ended"); !end.empty()) {
    view.ended = PodView::Ended{static_cast<int>(number_at(end, "code").value_or(0)), text_at(end, "reason"),
                                text_at(end, "message"), wall_time(number_at(end, "started").value_or(0)),
                                wall_time(number_at(end, "finished").value_or(0))};
  }
  view.others_run = holds("othersRun");
  return view;
}

std::string job_of_record(const json& record) { return text_at(record, "job"); }

std::int64_t secret_generation_of_record(const json& record) {
  return number_at(record, "secret").value_or(-1);
}

}  // namespace parallelrun::op
