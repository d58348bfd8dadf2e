// The warning events about a pod: what the kubelet and the scheduler say of one that does not come up.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "common/kube/kube_client.h"
#include "operator/decide/snapshot.h"

namespace parallelrun::op {

// One request; the newest of each reason, the newest last.
kube::ApiResult<std::vector<PodView::Warning>> read_warnings(kube::KubeClient& client,
                                                             const std::string& name_space,
                                                             const std::string& pod, const std::string& uid,
                                                             const std::stop_token& stop);

// From a list of core/v1 Events. Pure.
std::vector<PodView::Warning> warnings_of(const nlohmann::json& events);

// Whether one of them says that there is no Secret of that name.
bool misses_secret(const std::vector<PodView::Warning>& warnings, const std::string& secret);

}  // namespace parallelrun::op
