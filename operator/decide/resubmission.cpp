#include "operator/decide/resubmission.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "common/json/members.h"
#include "common/spec/nearest_name.h"
#include "common/spec/problems.h"
#include "common/spec/store_sources.h"
#include "operator/decide/decision.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

constexpr const char* kResubmissionField = "resubmission";
constexpr const char* kField = "spec.resubmissionOf";
constexpr const char* kRunAll = "or take resubmissionOf out, and everything runs";

const json& output_source(const json& job) {
  return object_at(object_at(object_at(job, "spec"), "output"), "source");
}

json without_sub_path(json source) {
  if (source.is_object()) source.erase("subPath");
  return source;
}

// "a/b" of "a//b/".
std::string plain_path(const std::string& path) {
  std::string plain = std::filesystem::path(path).lexically_normal().string();
  while (plain.ends_with('/')) plain.pop_back();
  return plain == "." ? "" : plain;
}

std::string claim_in_words(const json& source) {
  const std::string claim = text_at(object_at(source, "persistentVolumeClaim"), "claimName");
  return claim.empty() ? "" : fmt::format(" (the claim {})", in_quotes(claim));
}

EarlierJobOf recorded_earlier_job(const json& job) {
  EarlierJobOf found;
  const json& entry = object_at(object_at(job, "status"), kResubmissionField);
  const std::string name = text_at(entry, "name");
  if (name.empty()) return found;
  found.job = EarlierJob{name, text_at(entry, "subPath")};
  found.uid = text_at(entry, "uid");
  return found;
}

// What keeps the results of `before` from being used by `job`; nothing: they are.
std::optional<Obstacle> obstacle_between(const json& job, const std::string& name, const json& before) {
  const JobFacts facts(before);
  if (!facts.finished) {
    return Obstacle{
        Reason::kEarlierJobActive,
        fmt::format(
            "{}: the job {} has not ended{}, and this job starts when it has. If it shall not go on, set "
            "its activeDeadlineSeconds: it fails then, and what it has committed can be used; {}",
            kField, in_quotes(name), facts.suspend ? " (it is suspended)" : "", kRunAll)};
  }
  const json& ours = output_source(job);
  const json& theirs = output_source(before);
  if (names_store(ours) || names_store(theirs)) {
    return Obstacle{
        Reason::kEarlierJobElsewhere,
        fmt::format("{}: the output of {} is in a store, and results are taken over within one volume "
                    "only; take resubmissionOf out, and everything runs",
                    kField, names_store(ours) ? "this job" : "the job " + in_quotes(name))};
  }
  if (without_sub_path(ours) != without_sub_path(theirs)) {
    return Obstacle{
        Reason::kEarlierJobElsewhere,
        fmt::format("{}: the output of the job {} is in another volume{} than this job's{}. Results are "
                    "taken over within one volume: give spec.output.source that volume, with another "
                    "subPath, {}",
                    kField, in_quotes(name), claim_in_words(theirs), claim_in_words(ours), kRunAll)};
  }
  if (plain_path(text_at(ours, "subPath")) == plain_path(text_at(theirs, "subPath"))) {
    return Obstacle{
        Reason::kEarlierJobElsewhere,
        fmt::format(
            "{}: the job {} has its output in the same folder ({}), which is not changed by a "
            "resubmission. Give spec.output.source another subPath, {}",
            kField, in_quotes(name),
            text_at(ours, "subPath").empty() ? "the root of the volume" : in_quotes(text_at(ours, "subPath")),
            kRunAll)};
  }
  return std::nullopt;
}

}  // namespace

EarlierJobOf earlier_job_of(const Snapshot& snapshot, const JobFacts& facts) {
  if (facts.start_time) return recorded_earlier_job(snapshot.job);
  EarlierJobOf found;
  const std::string name = text_at(object_at(snapshot.job, "spec"), "resubmissionOf");
  if (name.empty()) return found;
  if (!snapshot.earlier.job) {
    const std::string name_space = text_at(object_at(snapshot.job, "metadata"), "namespace");
    found.missing = Obstacle{
        Reason::kEarlierJobMissing,
        fmt::format("{}: there is no job {} in the namespace {}{}, so nobody knows where its results are. "
                    "Submit that job again: it finds its results in its output, and this job starts "
                    "when it has ended; {}",
                    kField, in_quotes(name), name_space,
                    snapshot.earlier.others.empty() ? "" : did_you_mean(name, snapshot.earlier.others),
                    kRunAll)};
    return found;
  }
  const json& before = *snapshot.earlier.job;
  found.missing = obstacle_between(snapshot.job, name, before);
  if (found.missing) return found;
  found.job = EarlierJob{name, plain_path(text_at(output_source(before), "subPath"))};
  found.uid = text_at(object_at(before, "metadata"), "uid");
  found.words = fmt::format("what the job {} has done and is still good is taken over", in_quotes(name));
  return found;
}

void record_earlier_job(Decision& decision) {
  const EarlierJobOf& found = decision.earlier_job();
  if (!found.job) return;
  json entry = {{"name", found.job->name}, {"uid", found.uid}};
  if (!found.job->sub_path.empty()) entry["subPath"] = found.job->sub_path;
  decision.status.set(kResubmissionField, std::move(entry));
}

}  // namespace parallelrun::op
