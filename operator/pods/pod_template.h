// What spec.orchestrator and spec.worker say about their pods, put together with what we need. Internal to
// the room.
#pragma once

#include <string>

#include "common/json/json.h"
#include "common/result/result.h"
#include "operator/pods/identity.h"

namespace parallelrun::op {

// Adds what a template (an object; fields may be null) says to a pod whose first container is the runner:
// scheduling, security context, labels and annotations that are not ours, volumes and mounts, resources.
// `path` names the template in messages: "spec.worker". Errors: kInvalidArgument, for volumes and mounts
// that clash with those of the pod.
Status apply_template(const nlohmann::json& given, const std::string& path, nlohmann::json& pod);

// `defaults` for each resource of which `given` says nothing.
nlohmann::json merged_resources(const nlohmann::json& given, const nlohmann::json& defaults);

// Without what only one container can have: GPUs and other extended resources.
nlohmann::json common_resources(const nlohmann::json& resources);

// A member that is there and not null; else null.
const nlohmann::json* find_member(const nlohmann::json& value, const char* key);

}  // namespace parallelrun::op
