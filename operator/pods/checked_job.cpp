#include "operator/pods/checked_job.h"

#include <fmt/format.h>

#include <utility>

#include "common/json/members.h"
#include "common/spec/manifest.h"

namespace parallelrun::op {

Result<CheckedJob> CheckedJob::read(const nlohmann::json& job) {
  ParsedSpec parsed = parse_manifest_document(job, Place::kCluster);
  if (parsed.ok()) return CheckedJob(job, std::move(parsed.spec));
  std::string message = to_string(parsed.problems.front());
  if (parsed.problems.size() > 1) message += fmt::format(" (and {} more)", parsed.problems.size() - 1);
  return Error{ErrorCode::kInvalidArgument, std::move(message), false};
}

CheckedJob::CheckedJob(const nlohmann::json& job, JobSpec spec)
    : spec_(std::move(spec)),
      resource_({{"metadata", object_at(job, "metadata")}, {"spec", object_at(job, "spec")}}) {
  const nlohmann::json& status = object_at(job, "status");
  if (const auto image = status.find("runnerImage"); image != status.end() && image->is_string()) {
    runner_image_ = image->get<std::string>();
  }
}

}  // namespace parallelrun::op
