// A job as the API server has it, for tests of the objects that are made of it.
#pragma once

#include <string>

#include "common/json/json.h"
#include "operator/pods/children.h"

namespace parallelrun::op {

class JobManifest {
 public:
  JobManifest()
      : job_(nlohmann::json::parse(R"({
          "apiVersion": "parallelrun.dev/v1alpha1", "kind": "ParallelRunJob",
          "metadata": {"name": "digits", "namespace": "team", "uid": "u-1", "generation": 3, "resourceVersion": "7"},
          "spec": {
            "entryScript": "digits.py", "nodeCount": 2,
            "sourceDirectory": {"configMap": {"name": "code"}},
            "inputs": [{"name": "images", "source": {"persistentVolumeClaim": {"claimName": "data"}, "subPath": "test"}}],
            "output": {"source": {"persistentVolumeClaim": {"claimName": "results"}, "subPath": "digits"}}
          }})")) {}

  // `path` is a JSON pointer below spec: "/worker/labels".
  JobManifest& with(const std::string& path, nlohmann::json value) {
    job_["spec"][nlohmann::json::json_pointer(path)] = std::move(value);
    return *this;
  }
  const nlohmann::json& operator*() const { return job_; }
  nlohmann::json& object() { return job_; }

 private:
  nlohmann::json job_;
};

// Both steps that a job goes through before pods are made of it.
inline Status check_job(const nlohmann::json& job, const Settings& settings) {
  const Result<CheckedJob> checked = CheckedJob::read(job);
  return checked.ok() ? check_pods(*checked, settings) : Status(checked.error());
}

}  // namespace parallelrun::op
