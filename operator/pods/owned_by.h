// The metadata that all objects of a job have. Internal to the room.
#pragma once

#include <string>

#include "common/json/json.h"
#include "common/spec/manifest.h"
#include "operator/pods/identity.h"

namespace parallelrun::op {

inline std::string name_of(const nlohmann::json& job) { return job["metadata"].value("name", ""); }

inline nlohmann::json labels_of(const std::string& job) {
  nlohmann::json labels = {{kNameLabel, "parallelrun"}, {kManagedByLabel, "parallelrun-operator"}};
  if (!job.empty()) labels[kJobLabel] = job;
  return labels;
}

inline nlohmann::json owned_by(const nlohmann::json& job, const std::string& name) {
  return {{"name", name},
          {"namespace", job["metadata"].value("namespace", "")},
          {"labels", labels_of(name_of(job))},
          {"ownerReferences", nlohmann::json::array({{{"apiVersion", kApiVersion},
                                                      {"kind", kKind},
                                                      {"name", name_of(job)},
                                                      {"uid", job["metadata"].value("uid", "")},
                                                      {"controller", true}}})}};
}

}  // namespace parallelrun::op
