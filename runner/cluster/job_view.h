// A ParallelRunJob of a cluster as people look at it. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"

namespace parallelrun::cluster {

struct ConditionView {
  std::string type;
  std::string status;  // "True", "False", "Unknown"
  std::string reason;
  std::string message;
  std::string since;  // RFC 3339
};

struct JobView {
  std::string name;
  std::string name_space;
  std::string uid;
  std::string state;                        // "Pending", "Running", "Suspended", "Complete", "Failed"
  std::string reason;                       // of the condition that says why the state is so; may be empty
  std::string message;                      // a sentence for the user; may be empty
  std::uint64_t nodes = 1;                  // spec.nodeCount
  std::uint64_t nodes_ready = 0;            // worker pods
  bool suspend = false;                     // spec.suspend
  std::string created, started, completed;  // RFC 3339; empty: not yet
  std::string runner_image;                 // status.runnerImage: it has started, with this
  std::string output_file;                  // of append_row
  std::string output;                       // where the results lie, in words
  bool output_in_store = false;
  nlohmann::json progress = nlohmann::json::object();  // status.progress
  std::vector<ConditionView> conditions;

  bool ended() const { return state == "Complete" || state == "Failed"; }
  // Seconds since the start, or between start and end; 0: it has not started.
  std::chrono::seconds elapsed(std::chrono::system_clock::time_point now) const;
};

// Members that are missing or of another type read as empty.
JobView job_view(const nlohmann::json& object);

// {"name", "namespace", "state", "reason", "message", "nodes", "started", ..., and the members of progress}:
// those that `status` gives of an output directory have the same names.
nlohmann::json to_json(const JobView& job);

// "digits: Running (WorkersMissing): 1 of 2 workers ...": one line.
std::string in_words(const JobView& job);

// A pod of a job.
struct PodView {
  std::string name;
  std::string role;   // "orchestrator", "worker"
  std::string phase;  // "Running", or why not: "ImagePullBackOff", "OOMKilled"
  std::string node;
  std::string created;  // RFC 3339
};
PodView pod_view(const nlohmann::json& pod);
nlohmann::json to_json(const PodView& pod);

// "3 min" since then; empty where `since` is no time.
std::optional<std::chrono::seconds> age_of(const std::string& since,
                                           std::chrono::system_clock::time_point now);

}  // namespace parallelrun::cluster
