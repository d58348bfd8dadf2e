#include "operator/pods/checked_job.h"

#include <fmt/format.h>

#include <utility>

#include "common/json/members.h"
#include "common/spec/manifest.h"

namespace parallelrun::op {

namespace {

Error invalid(const std::vector<SpecProblem>& problems, std::string_view of = "") {
  std::string message = to_string(problems.front());
  if (problems.size() > 1) message += fmt::format(" (and {} more)", problems.size() - 1);
  return Error{ErrorCode::kInvalidArgument, message + std::string(of), false};
}

}  // namespace

Result<CheckedJob> CheckedJob::read(const nlohmann::json& job, std::span<const PinnedDataset> pinned) {
  ParsedSpec parsed = parse_manifest_document(job, Place::kCluster);
  if (!parsed.ok()) return invalid(parsed.problems);
  if (datasets_named_in(parsed.spec).empty()) return CheckedJob(job, std::move(parsed.spec), {});

  constexpr std::string_view kWithDatasets = " (with what its datasets say, by status.datasets)";
  WithDatasets made = with_datasets(job, pinned);
  if (!made.problems.empty()) return invalid(made.problems);
  parsed = parse_manifest_document(made.document, Place::kCluster);
  if (!parsed.ok()) return invalid(parsed.problems, kWithDatasets);
  if (const auto left = datasets_named_in(parsed.spec); !left.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{}: what the job has of the dataset {} is not recorded in status.datasets",
                             left.front().path, in_quotes(left.front().name)),
                 false};
  }
  return CheckedJob(made.document, std::move(parsed.spec), std::move(made.notes));
}

CheckedJob::CheckedJob(const nlohmann::json& job, JobSpec spec, std::vector<std::string> notes)
    : spec_(std::move(spec)),
      resource_({{"metadata", object_at(job, "metadata")}, {"spec", object_at(job, "spec")}}),
      notes_(std::move(notes)) {
  const nlohmann::json& status = object_at(job, "status");
  if (const auto image = status.find("runnerImage"); image != status.end() && image->is_string()) {
    runner_image_ = image->get<std::string>();
  }
}

}  // namespace parallelrun::op
