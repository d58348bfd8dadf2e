#include "runner/cluster/job_view.h"

#include <algorithm>

#include "common/json/compact_text.h"
#include "common/json/members.h"
#include "common/pod/pod_layout.h"
#include "common/spec/store_sources.h"
#include "common/time/rfc3339.h"

namespace parallelrun::cluster {
namespace {

using nlohmann::json;
using std::chrono::seconds;

const json& list_at(const json& value, const char* name) {
  static const json kNone = json::array();
  if (!value.is_object()) return kNone;
  const auto found = value.find(name);
  return found != value.end() && found->is_array() ? *found : kNone;
}

std::string reason_of(const JobView& job) {
  const auto find = [&](const std::string& type) -> const ConditionView* {
    const auto found = std::find_if(job.conditions.begin(), job.conditions.end(),
                                    [&](const ConditionView& one) { return one.type == type; });
    return found == job.conditions.end() ? nullptr : &*found;
  };
  if (const ConditionView* own = find(job.state); own != nullptr && own->status == "True") return own->reason;
  const ConditionView* running = find("Running");
  return running == nullptr ? "" : running->reason;
}

// "persistentVolumeClaim results, folder digits", "s3://results/digits"
std::string output_in_words(const json& source) {
  if (!source.is_object()) return "";
  std::string words;
  for (const auto& [kind, value] : source.items()) {
    if (kind == "subPath") continue;
    if (find_store_kind(kind) != nullptr && value.is_object()) return store_address({{kind, value}});
    std::string name;
    for (const char* key : {"claimName", "path", "server", "driver"}) {
      if (name.empty()) name = text_at(value, key);
    }
    words = kind + (name.empty() ? "" : " " + name);
  }
  const std::string folder = text_at(source, "subPath");
  return words + (folder.empty() ? "" : ", folder " + folder);
}

// Why a container does not run, or how it ended; empty: it runs.
std::string trouble_of(const json& container) {
  const json& state = object_at(container, "state");
  std::string waiting = text_at(object_at(state, "waiting"), "reason");
  if (!waiting.empty()) return waiting;
  std::string ended = text_at(object_at(state, "terminated"), "reason");
  return ended == "Completed" ? "" : ended;
}

}  // namespace

std::optional<seconds> age_of(const std::string& since, std::chrono::system_clock::time_point now) {
  const auto then = parse_rfc3339(since);
  if (!then) return std::nullopt;
  return std::max(seconds(0), std::chrono::duration_cast<seconds>(now - *then));
}

seconds JobView::elapsed(std::chrono::system_clock::time_point now) const {
  const auto end = parse_rfc3339(completed);
  const auto until = end ? std::chrono::time_point_cast<std::chrono::system_clock::duration>(*end) : now;
  return age_of(started, until).value_or(seconds(0));
}

JobView job_view(const json& object) {
  JobView job;
  const json& metadata = object_at(object, "metadata");
  const json& spec = object_at(object, "spec");
  const json& status = object_at(object, "status");
  job.name = text_at(metadata, "name");
  job.name_space = text_at(metadata, "namespace");
  job.uid = text_at(metadata, "uid");
  job.created = text_at(metadata, "creationTimestamp");
  job.state = text_at(status, "state");
  if (job.state.empty()) job.state = "Pending";
  job.message = text_at(status, "message");
  job.nodes = static_cast<std::uint64_t>(std::max<std::int64_t>(0, number_at(spec, "nodeCount").value_or(1)));
  job.nodes_ready = count_at(status, "readyReplicas");
  const auto suspend = spec.find("suspend");
  job.suspend = suspend != spec.end() && suspend->is_boolean() && suspend->get<bool>();
  job.started = text_at(status, "startTime");
  job.completed = text_at(status, "completionTime");
  job.runner_image = text_at(status, "runnerImage");
  if (text_at(spec, "outputAction") != "summary_only") {
    job.output_file = text_at(spec, "appendRowFileName");
    if (job.output_file.empty()) job.output_file = "parallel_run_step.txt";
  }
  const json& source = object_at(object_at(spec, "output"), "source");
  job.output = output_in_words(source);
  job.output_in_store = names_store(source);
  job.progress = object_at(status, "progress");
  for (const json& one : list_at(status, "conditions")) {
    job.conditions.push_back({text_at(one, "type"), text_at(one, "status"), text_at(one, "reason"),
                              text_at(one, "message"), text_at(one, "lastTransitionTime")});
  }
  job.reason = reason_of(job);
  return job;
}

json to_json(const JobView& job) {
  json out = job.progress.is_object() ? job.progress : json::object();
  out["name"] = job.name;
  out["namespace"] = job.name_space;
  out["state"] = job.state;
  out["reason"] = job.reason;
  out["message"] = job.message;
  out["nodes"] = job.nodes;
  out["nodesReady"] = job.nodes_ready;
  if (!job.created.empty()) out["created"] = job.created;
  if (!job.started.empty()) out["started"] = job.started;
  if (!job.completed.empty()) out["completed"] = job.completed;
  if (!job.output_file.empty()) out["outputFile"] = job.output_file;
  if (!job.output.empty()) out["output"] = job.output;
  json& conditions = out["conditions"] = json::array();
  for (const ConditionView& one : job.conditions) {
    conditions.push_back({{"type", one.type},
                          {"status", one.status},
                          {"reason", one.reason},
                          {"message", one.message},
                          {"lastTransitionTime", one.since}});
  }
  return out;
}

std::string in_words(const JobView& job) {
  std::string line = job.name + ": " + job.state;
  if (!job.reason.empty() && job.reason != job.state && job.reason != "Completed")
    line += " (" + job.reason + ")";
  if (!job.message.empty()) line += ": " + job.message;
  return line;
}

PodView pod_view(const json& pod) {
  PodView view;
  const json& metadata = object_at(pod, "metadata");
  const json& status = object_at(pod, "status");
  view.name = text_at(metadata, "name");
  view.role = text_at(object_at(metadata, "labels"), pod::kRoleLabel);
  view.created = text_at(metadata, "creationTimestamp");
  view.node = text_at(object_at(pod, "spec"), "nodeName");
  view.phase = text_at(status, "phase");
  for (const char* kind : {"initContainerStatuses", "containerStatuses"}) {
    for (const json& container : list_at(status, kind)) {
      if (const std::string trouble = trouble_of(container); !trouble.empty()) view.phase = trouble;
    }
  }
  if (const std::string reason = text_at(status, "reason"); !reason.empty()) view.phase = reason;
  if (metadata.contains("deletionTimestamp")) view.phase = "Terminating";
  if (view.phase == "Pending") {
    for (const json& condition : list_at(status, "conditions")) {
      if (text_at(condition, "type") == "PodScheduled" && text_at(condition, "status") == "False")
        view.phase = text_at(condition, "reason");
    }
  }
  return view;
}

json to_json(const PodView& pod) {
  return {{"name", pod.name},
          {"role", pod.role},
          {"phase", pod.phase},
          {"node", pod.node},
          {"created", pod.created}};
}

}  // namespace parallelrun::cluster
