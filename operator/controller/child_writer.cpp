#include "operator/controller/child_writer.h"

#include <algorithm>
#include <utility>

#include "common/json/members.h"
#include "common/spec/manifest.h"
#include "operator/controller/pod_record.h"
#include "operator/controller/resources.h"

namespace parallelrun::op {
namespace {

using kube::ApiError;
using kube::ApiFailure;
using kube::KubeClient;
using nlohmann::json;

ApiError taken_by_another(const std::string& object) {
  ApiError error;
  error.failure = ApiFailure::kAlreadyExists;
  error.reason = "AlreadyExists";
  error.message = object + " exists and belongs to another owner; delete it, or give the job another name";
  return error;
}

// Of a job of the same name that was deleted: the garbage collector is on its way.
bool left_over(const json& metadata) {
  if (metadata.contains("deletionTimestamp")) return true;
  const auto owners = metadata.find("ownerReferences");
  return owners != metadata.end() && owners->is_array() &&
         std::any_of(owners->begin(), owners->end(),
                     [](const json& owner) { return text_at(owner, "kind") == kKind; });
}

}  // namespace

ChildWriter::ChildWriter(const Applier::Context& context, PlanWrites& writes, std::string name_space,
                         std::string job_uid)
    : context_(context), writes_(writes), name_space_(std::move(name_space)), job_uid_(std::move(job_uid)) {}

std::optional<Present> ChildWriter::ensure(const Child& child, const json& body) {
  auto made = context_.client.create(child.resource, {name_space_, "", ""}, body, kFieldManager,
                                     KubeClient::Answer::kMetadata, context_.give_up);
  if (made.ok()) {
    writes_.wrote("created " + child.object());
    return Present{true, std::move(made).value()};
  }
  if (made.error().failure != ApiFailure::kAlreadyExists) return failed(child, made.error()), std::nullopt;
  // Ours, if the cache lags or the request was sent twice.
  if (child.when_there == Child::WhenThere::kShare) return Present{};
  auto found = read(child);
  if (!found.ok()) return failed(child, found.error()), std::nullopt;
  if (!is_ours(child, found.value())) return std::nullopt;
  return Present{false, std::move(found).value()};
}

kube::ApiResult<json> ChildWriter::read(const Child& child) {
  const kube::ObjectPath path{name_space_, child.name, ""};
  if (child.when_there != Child::WhenThere::kPatchNothing) {
    return context_.client.get(child.resource, path, context_.give_up);
  }
  return context_.client.merge_patch(child.resource, path, json::object(), kFieldManager,
                                     KubeClient::Answer::kObject, context_.give_up);
}

bool ChildWriter::is_ours(const Child& child, const json& found) {
  const json& metadata = object_at(found, "metadata");
  if (controller_uid(metadata) == job_uid_) return true;
  failed(child, taken_by_another(child.object()), left_over(metadata));
  return false;
}

bool ChildWriter::patch(const Child& child, const json& patch) {
  const auto written =
      context_.client.merge_patch(child.resource, {name_space_, child.name, ""}, patch, kFieldManager,
                                  KubeClient::Answer::kMetadata, context_.give_up);
  if (!written.ok()) return failed(child, written.error()), false;
  writes_.wrote("updated " + child.object());
  return true;
}

void ChildWriter::failed(const Child& child, const ApiError& error, bool quiet) {
  writes_.failed(child.refused_as.empty() ? child.object() : child.refused_as, error, quiet);
}

void ChildWriter::failed(const Child& child, const Error& why) {
  ApiError error;
  error.message = why.message;
  if (why.code == ErrorCode::kInvalidArgument) error.reason = "Invalid";
  failed(child, error);
}

}  // namespace parallelrun::op
