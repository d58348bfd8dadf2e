#include "operator/controller/secret_writer.h"

#include <chrono>

#include "common/json/members.h"
#include "operator/controller/pod_record.h"
#include "operator/controller/resources.h"
#include "operator/pods/identity.h"
#include "operator/pods/job_secret.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

std::chrono::sys_seconds today() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

std::int64_t generation_in(const json& secret) {
  return label_number(object_at(object_at(secret, "metadata"), "annotations"), kGenerationAnnotation);
}

}  // namespace

SecretWriter::SecretWriter(const json& job, ChildWriter& children, PlanWrites& writes)
    : job_(job),
      children_(children),
      writes_(writes),
      name_(text_at(object_at(job, "metadata"), "name")),
      uid_(text_at(object_at(job, "metadata"), "uid")),
      generation_(number_at(object_at(job, "metadata"), "generation").value_or(0)) {}

// To decisions they are one.
Child SecretWriter::secret(std::uint32_t number) const {
  return {.resource = kSecrets,
          .kind = "Secret",
          .name = secret_name(name_, number),
          .when_there = Child::WhenThere::kPatchNothing,
          .refused_as = "Secret " + secret_name(name_)};
}

bool SecretWriter::failed(const Error& why) {
  children_.failed(secret(0), why);
  return false;
}

void SecretWriter::remember(std::int64_t generation) {
  writes_.accepted(secret(0).object());
  writes_.remember([&](JobMemory& memory) { memory.wrote_secret(uid_, generation); });
}

bool SecretWriter::create() {
  const auto authority = JobAuthority::make(name_, today());
  if (!authority.ok()) return failed(authority.error());
  const auto body = secret_of(job_, 0, *authority, today());
  if (!body.ok()) return failed(body.error());
  const auto present = children_.ensure(secret(0), *body);
  if (!present) return false;
  if (!present->made) return adopt(present->body);
  if (!ensure_further(*authority)) return false;
  remember(generation_);
  return true;
}

// Certificates may be what is missing. One of another generation is for the next decision, which knows of it.
bool SecretWriter::adopt(const json& found) {
  const std::int64_t generation = generation_in(found);
  if (generation == generation_ && !complete(found)) return false;
  remember(generation);
  if (generation == generation_) return true;
  writes_.outdated();
  return false;
}

bool SecretWriter::renew() {
  const auto found = children_.read(secret(0));
  if (!found.ok() && found.error().failure == kube::ApiFailure::kNotFound) {
    writes_.remember([](JobMemory& memory) { memory.lost_secret(); });
    return create();
  }
  if (!found.ok()) return children_.failed(secret(0), found.error()), false;
  if (!children_.is_ours(secret(0), found.value()) || !complete(found.value())) return false;
  remember(generation_);
  return true;
}

// `found` is the Secret of number 0. Certificates that are good stay. Damaged, or of an operator that kept
// no key: all of them are made anew.
bool SecretWriter::complete(const json& found) {
  auto authority = authority_in(found);
  if (!authority.ok()) authority = JobAuthority::make(name_, today());
  if (!authority.ok()) return failed(authority.error());
  const auto patch = secret_patch_of(job_, 0, found, *authority, today());
  if (!patch.ok()) return failed(patch.error());
  if (!ensure_further(*authority)) return false;
  // The generation stands in the Secret when all the rest does.
  if (generation_in(found) == generation_ && !changes_certificates(*patch)) return true;
  return children_.patch(secret(0), *patch);
}

// Those of a job with very many workers. What is there already, of an earlier try or generation, gets what
// it lacks.
bool SecretWriter::ensure_further(const JobAuthority& authority) {
  for (std::uint32_t number = 1; number < secrets_of(job_); ++number) {
    if (!ensure_further(authority, number)) return false;
  }
  return true;
}

bool SecretWriter::ensure_further(const JobAuthority& authority, std::uint32_t number) {
  const auto body = secret_of(job_, number, authority, today());
  if (!body.ok()) return failed(body.error());
  const auto present = children_.ensure(secret(number), *body);
  if (!present) return false;
  if (present->made) return true;
  const auto patch = secret_patch_of(job_, number, present->body, authority, today());
  if (!patch.ok()) return failed(patch.error());
  return !changes_certificates(*patch) || children_.patch(secret(number), *patch);
}

}  // namespace parallelrun::op
