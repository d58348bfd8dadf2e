// A job whose spec common/spec has read and found valid: what pods are made of. It is read once for a
// decision and handed on, since reading costs more than a pod does. Immutable.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"
#include "common/spec/dataset_use.h"
#include "common/spec/job_spec.h"

namespace parallelrun::op {

class CheckedJob {
 public:
  // `job` is the custom resource, and need not outlive this; `pinned` are the datasets that it names. Errors:
  // kInvalidArgument, a sentence for the user: common/spec refuses what the schema let through, or a dataset
  // is not among the pinned.
  static Result<CheckedJob> read(const nlohmann::json& job, std::span<const PinnedDataset> pinned = {});

  const JobSpec& spec() const { return spec_; }
  // metadata and spec as they were written, with the sources of datasets in place of their names.
  const nlohmann::json& resource() const { return resource_; }
  // What is not obvious in what datasets became, a sentence each.
  const std::vector<std::string>& notes() const { return notes_; }
  // Of status.runnerImage: a job goes on with the release that it began with. Nothing: it has not begun.
  const std::optional<std::string>& runner_image() const { return runner_image_; }

 private:
  CheckedJob(const nlohmann::json& job, JobSpec spec, std::vector<std::string> notes);

  JobSpec spec_;
  nlohmann::json resource_;
  std::vector<std::string> notes_;
  std::optional<std::string> runner_image_;
};

}  // namespace parallelrun::op
