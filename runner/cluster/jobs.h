// The jobs of a cluster, for the verbs of the command line. Every call blocks; `stop` ends it (kAborted).
// Errors are one line for the user, with the way out (plain_error.h).
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"
#include "runner/cluster/connection.h"
#include "runner/cluster/job_view.h"

namespace parallelrun::cluster {

// A row of a list, in the words of the server's columns.
struct ListedJob {
  std::string name;
  std::string name_space;  // only of a list over all namespaces
  std::string state, percent, items, failed, nodes, started, message, age;
};

class Jobs {
 public:
  // Both outlive it.
  Jobs(Connection& connection, std::stop_token stop) : connection_(connection), stop_(std::move(stop)) {}

  const std::string& name_space() const { return connection_.name_space(); }
  const std::string& server() const { return connection_.server(); }
  const std::stop_token& stop() const { return stop_; }

  // Nothing: there is none of this name.
  Result<std::optional<nlohmann::json>> find(const std::string& name);
  // kNotFound: the message has the names that are near, where the user may list them.
  Result<nlohmann::json> get(const std::string& name);
  // By namespace and name. As a Table of the server, so thousands cost little.
  Result<std::vector<ListedJob>> list(bool all_namespaces);
  // The objects.
  Result<std::vector<nlohmann::json>> objects(bool all_namespaces);
  // kConflict: there is one of that name. kInvalidArgument: the server refuses it.
  Result<nlohmann::json> create(const nlohmann::json& job);
  Result<nlohmann::json> patch(const std::string& name, const nlohmann::json& patch);
  // Only the one with this uid. Its pods and what else belongs to it go after it.
  Status remove(const std::string& name, const std::string& uid);
  // By name: the orchestrator's first.
  Result<std::vector<nlohmann::json>> pods(const std::string& name);

  // The Events about the object `name` of `kind` (ParallelRunJob, Pod), at most `most`, in no order.
  Result<std::vector<nlohmann::json>> events(const std::string& kind, const std::string& name, int most);

  // ConfigMap, Pod. `object` has apiVersion, kind, metadata.name; it goes into our namespace.
  Result<nlohmann::json> create_object(const nlohmann::json& object);
  Result<nlohmann::json> get_object(const std::string& kind, const std::string& name);
  Result<nlohmann::json> patch_object(const std::string& kind, const std::string& name,
                                      const nlohmann::json& patch);
  // Also after a stop. Whoever finds nothing is content. Where `uid` or `resource_version` is named: only
  // that one, only as it was then; else kConflict.
  Status remove_object(const std::string& kind, const std::string& name, const std::string& uid = {},
                       const std::string& resource_version = {});
  // See KubeClient::follow_log.
  Status follow_log(const std::string& pod, const kube::Transport::LineSink& sink);

 private:
  Error plain(const kube::ApiError& error, const char* verb, const std::string& resource,
              const std::string& name) const;
  std::string near(const std::string& name);
  // `in_words`: the resource, for messages.
  Result<std::vector<nlohmann::json>> all_pages(const kube::Resource& resource, const std::string& name_space,
                                                const kube::Selection& selection, const char* in_words);

  Connection& connection_;
  std::stop_token stop_;
};

}  // namespace parallelrun::cluster
