// Jobs of a cluster as the page shows them. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/json/json.h"

namespace parallelrun::web {

// "c" and digits: of this job and of no later one of its name. It begins with what tells its namespace.
std::string id_of_job(const nlohmann::json& object);
std::string id_begin(const std::string& name_space);

// Takes out of a custom resource what its line does not need: a list may have very many.
void keep_line(nlohmann::json& object);

// The line of a job (world.h), of a custom resource or of what keep_line() has left of it.
nlohmann::ordered_json cluster_line(const std::string& id, const nlohmann::json& object);

// {"type", "reason", "message", "count", "first", "last"}
nlohmann::ordered_json cluster_event(const nlohmann::json& event);

// The custom resource as a manifest in YAML, without what the cluster has added.
std::string cluster_manifest(const nlohmann::json& object);

// Of status.progress: what was left out of inputs, why nothing starts.
std::vector<std::string> warnings_of(const nlohmann::json& progress);

}  // namespace parallelrun::web
