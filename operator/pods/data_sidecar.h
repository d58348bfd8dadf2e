// The container `data` of a pod whose job has something in object stores: a sidecar from the runner image
// that alone has the credentials. See docs/decisions/0020-stores-in-pods.md. Internal to the room.
#pragma once

#include <string>

#include "common/json/json.h"
#include "common/pod/pod_layout.h"
#include "common/result/result.h"
#include "operator/pods/checked_job.h"
#include "operator/pods/identity.h"
#include "operator/pods/settings.h"

namespace parallelrun::op {

// Adds it to a pod whose first container is the runner, behind the init containers that are there, with its
// volumes and the runner's mounts and variable; nothing where `layout` has nothing in a store for the pod.
// `given`: spec.worker or spec.orchestrator, which `path` names in messages. `image`: the runner image.
// Errors: kInvalidArgument, for what `given` says of it.
Status add_data_sidecar(const CheckedJob& job, const PodIdentity& identity, const pod::PodLayout& layout,
                        const nlohmann::json& given, const std::string& path, const Settings& settings,
                        const std::string& image, nlohmann::json& pod);

}  // namespace parallelrun::op
