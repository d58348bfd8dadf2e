#include "runner/cluster/submitted_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/json/members.h"
#include "common/result/try.h"
#include "common/spec/manifest.h"
#include "runner/cluster/code_map.h"

namespace parallelrun::cluster {
namespace {

using nlohmann::json;

constexpr int kMostMeetings = 5;  // with another submission of the same name

const json& metadata_of(const json& object) { return object_at(object, "metadata"); }
std::string name_of(const json& object) { return text_at(metadata_of(object), "name"); }
std::string uid_of(const json& object) { return text_at(metadata_of(object), "uid"); }

// The uids of the jobs that the map goes with.
std::vector<std::string> owners_of(const json& map) {
  std::vector<std::string> uids;
  const auto owners = metadata_of(map).find("ownerReferences");
  if (owners == metadata_of(map).end() || !owners->is_array()) return uids;
  for (const json& owner : *owners) {
    if (text_at(owner, "kind") == kKind) uids.push_back(text_at(owner, "uid"));
  }
  return uids;
}

bool holds(const std::vector<std::string>& uids, const std::string& uid) {
  return std::find(uids.begin(), uids.end(), uid) != uids.end();
}

bool is_code_of(const json& map, const std::string& job) {
  return text_at(object_at(metadata_of(map), "labels"), kCodeOfLabel) == job;
}

}  // namespace

SubmittedCode::SubmittedCode(Jobs& jobs, std::string job, std::vector<json> maps)
    : jobs_(jobs), job_(std::move(job)) {
  for (json& map : maps) maps_.push_back({std::move(map)});
}

Status SubmittedCode::put() {
  for (Map& map : maps_) {
    Status made = make(map);
    if (made) continue;
    withdraw();
    return made;
  }
  return {};
}

Status SubmittedCode::make(Map& map) {
  for (int left = kMostMeetings; left > 0; --left) {
    const auto made = jobs_.create_object(map.object);
    if (made) {
      map.uid = uid_of(*made);
      map.version = text_at(metadata_of(*made), "resourceVersion");
      return {};
    }
    if (made.error().code != ErrorCode::kConflict) return made.error();
    RETURN_IF_ERROR(make_way(map));
  }
  return Error{
      ErrorCode::kConflict,
      fmt::format("others submit jobs of the name '{}' at this moment, and the ConfigMap '{}' with the "
                  "code is theirs; try again, or give the job another name (--set metadata.name=...)",
                  job_, name_of(map.object)),
      false};
}

// Removes what has the name of a map of ours, if it is of no use to anybody.
Status SubmittedCode::make_way(const Map& map) {
  const std::string name = name_of(map.object);
  const auto old = jobs_.get_object("ConfigMap", name);
  if (!old) return old.error().code == ErrorCode::kNotFound ? Status() : Status(old.error());
  if (!is_code_of(*old, job_))
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("the code of the job would be the ConfigMap '{}', and there is one of that name which "
                    "`submit` has not made; give the job another name (--set metadata.name=...)",
                    name),
        false};
  const std::vector<std::string> owners = owners_of(*old);
  if (!owners.empty() && job_uid_.empty()) {
    ASSIGN_OR_RETURN(const auto job, jobs_.find(job_));
    if (job && holds(owners, uid_of(*job)))
      return Error{
          ErrorCode::kConflict,
          fmt::format("another job '{}' was submitted at the same moment; give this one another name "
                      "(--set metadata.name=...)",
                      job_),
          false};
  }
  // As it was read: whoever has given it to a job since keeps it.
  const Status removed =
      jobs_.remove_object("ConfigMap", name, uid_of(*old), text_at(metadata_of(*old), "resourceVersion"));
  return removed || removed.error().code == ErrorCode::kConflict ? Status() : removed;
}

void SubmittedCode::withdraw() {
  // What cannot be removed stays, and the next job of the name takes its place.
  for (Map& map : maps_) {
    if (!map.uid.empty())
      static_cast<void>(jobs_.remove_object("ConfigMap", name_of(map.object), std::exchange(map.uid, "")));
  }
}

Status SubmittedCode::give_to(const json& job) {
  job_uid_ = uid_of(job);
  const json owners = json::array(
      {{{"apiVersion", kApiVersion}, {"kind", kKind}, {"name", name_of(job)}, {"uid", job_uid_}}});
  std::optional<Error> failed;  // the first one; the others go on
  for (Map& map : maps_) {
    // As we made it: one that another submission has put in its place has another version.
    const auto owned =
        jobs_.patch_object("ConfigMap", name_of(map.object),
                           {{"metadata", {{"resourceVersion", map.version}, {"ownerReferences", owners}}}});
    if (owned) continue;
    Status made = owned.error();
    if (owned.error().code == ErrorCode::kConflict || owned.error().code == ErrorCode::kNotFound) {
      map.object["metadata"]["ownerReferences"] = owners;
      made = make(map);
    }
    if (!made && !failed)
      failed = Error{made.error().code, name_of(map.object) + ": " + made.error().message, false};
  }
  return failed ? Status(*failed) : Status();
}

}  // namespace parallelrun::cluster
