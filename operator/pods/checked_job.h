// A job whose spec common/spec has read and found valid: what pods are made of. It is read once for a
// decision and handed on, since reading costs more than a pod does. Immutable.
#pragma once

#include <optional>
#include <string>

#include "common/json/json.h"
#include "common/result/result.h"
#include "common/spec/job_spec.h"

namespace parallelrun::op {

class CheckedJob {
 public:
  // `job` is the custom resource, and need not outlive this. Errors: kInvalidArgument, a sentence for the
  // user: common/spec refuses what the schema let through.
  static Result<CheckedJob> read(const nlohmann::json& job);

  const JobSpec& spec() const { return spec_; }
  // metadata and spec as they were written.
  const nlohmann::json& resource() const { return resource_; }
  // Of status.runnerImage: a job goes on with the release that it began with. Nothing: it has not begun.
  const std::optional<std::string>& runner_image() const { return runner_image_; }

 private:
  explicit CheckedJob(const nlohmann::json& job, JobSpec spec);

  JobSpec spec_;
  nlohmann::json resource_;
  std::optional<std::string> runner_image_;
};

}  // namespace parallelrun::op
