// What is looked for in the pods that are made of a job.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <stdexcept>
#include <string>

#include "common/json/json.h"
#include "job_manifest.h"
#include "operator/pods/children.h"

namespace parallelrun::op {

inline nlohmann::json made_pod(const JobManifest& job, const PodIdentity& identity, const Settings& with) {
  const Result<CheckedJob> checked = CheckedJob::read(*job);
  if (!checked.ok()) throw std::runtime_error(checked.error().message);
  const Result<nlohmann::json> made = pod_of(*checked, identity, with);
  EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
  return made.ok() ? *made : nlohmann::json();
}

// Where a container has what: path to "volume" or "volume/subPath ro".
inline std::map<std::string, std::string> mounts_of(const nlohmann::json& container) {
  std::map<std::string, std::string> found;
  for (const nlohmann::json& mount : container["volumeMounts"]) {
    std::string name = mount["name"];
    if (mount.contains("subPath")) name += "/" + mount["subPath"].get<std::string>();
    found[mount["mountPath"]] = name + (mount.value("readOnly", false) ? " ro" : "");
  }
  return found;
}

// Null: the pod has none of this name.
inline nlohmann::json volume_of(const nlohmann::json& pod, const std::string& name) {
  for (const nlohmann::json& one : pod["spec"]["volumes"]) {
    if (one["name"] == name) return one;
  }
  return nullptr;
}

}  // namespace parallelrun::op
