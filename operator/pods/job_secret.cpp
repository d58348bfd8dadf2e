#include "operator/pods/job_secret.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "common/json/compact_text.h"
#include "common/json/members.h"
#include "common/openssl/base64.h"
#include "common/result/try.h"
#include "operator/pods/children.h"
#include "operator/pods/owned_by.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

constexpr const char* kAuthority = "ca.crt";
constexpr const char* kAuthorityKey = "ca.key";
constexpr const char* kManifestItem = "job.json";
constexpr std::int64_t kMostWorkers = 10'000;

// What the orchestrator reads: the job without what changes while it runs.
std::string manifest_of(const json& job) {
  const json& meta = job["metadata"];
  const json manifest = {{"apiVersion", kApiVersion},
                         {"kind", kKind},
                         {"metadata",
                          {{"name", meta.value("name", "")},
                           {"namespace", meta.value("namespace", "")},
                           {"uid", meta.value("uid", "")}}},
                         {"spec", job.value("spec", json::object())}};
  return compact_text(manifest);
}

std::string generation_of(const json& job) {
  return std::to_string(job["metadata"].value("generation", std::int64_t{0}));
}

std::uint32_t workers_of(const json& job) {
  const std::int64_t count = number_at(object_at(job, "spec"), "nodeCount").value_or(1);
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(count, 1, kMostWorkers));
}

// Writes a certificate and its key into `data`, unless `found` has a good one.
class Items {
 public:
  Items(const json& found, bool keep, std::chrono::sys_seconds now) : found_(found), keep_(keep), now_(now) {}

  template <typename Certify>
  Status put(const std::string& certificate, const std::string& key, Certify&& certify) {
    if (keep_ && found_.contains(key) && !wears_out(from_base64(text_at(found_, certificate.c_str())), now_))
      return {};
    Result<CertifiedKey> made = certify();
    if (!made.ok()) return made.error();
    data_[certificate] = base64(made->certificate_pem);
    data_[key] = base64(made->key_pem);
    return {};
  }
  void set(const char* name, const std::string& bytes) { data_[name] = base64(bytes); }
  json take() { return std::move(data_); }

 private:
  const json& found_;
  const bool keep_;
  const std::chrono::sys_seconds now_;
  json data_ = json::object();
};

Result<json> data_of(const json& job, std::uint32_t number, const json& found, const JobAuthority& authority,
                     std::chrono::sys_seconds now) {
  const bool same_authority =
      text_at(found, kAuthority) == base64(authority.certificate_pem()) &&
      (number != 0 || text_at(found, kAuthorityKey) == base64(authority.stored().key_pem));
  Items items(found, same_authority, now);
  if (!same_authority) items.set(kAuthority, authority.certificate_pem());
  if (number == 0) {
    items.set(kManifestItem, manifest_of(job));
    if (!same_authority) items.set(kAuthorityKey, authority.stored().key_pem);
    const Status done = items.put("orchestrator.crt", "orchestrator.key", [&] {
      return authority.certify_orchestrator(name_of(job), service_host(job), now);
    });
    if (!done.ok()) return done.error();
  }
  const std::uint32_t begin = number * kWorkersInSecret;
  const std::uint32_t end = std::min(workers_of(job), begin + kWorkersInSecret);
  for (std::uint32_t worker = begin; worker < end; ++worker) {
    const Status done = items.put(certificate_item(worker), key_item(worker),
                                  [&] { return authority.certify_worker(agent_name(worker), now); });
    if (!done.ok()) return done.error();
  }
  return items.take();
}

}  // namespace

std::string certificate_item(std::uint32_t worker) { return agent_name(worker) + ".crt"; }
std::string key_item(std::uint32_t worker) { return agent_name(worker) + ".key"; }

std::uint32_t secrets_of(const json& job) {
  return (workers_of(job) + kWorkersInSecret - 1) / kWorkersInSecret;
}

Status check_manifest_size(const json& job) {
  const std::size_t size = manifest_of(job).size();
  if (size <= kMostManifestBytes) return {};
  return Error{
      ErrorCode::kInvalidArgument,
      fmt::format("spec: has {} bytes as JSON, but at most {} fit into the job's Secret; move large parts "
                  "(code, long lists) into the source directory or a volume",
                  size, kMostManifestBytes),
      false};
}

Result<json> secret_of(const json& job, std::uint32_t number, const JobAuthority& authority,
                       std::chrono::sys_seconds now) {
  RETURN_IF_ERROR(check_manifest_size(job));
  Result<json> data = data_of(job, number, json::object(), authority, now);
  if (!data.ok()) return data.error();
  json metadata = owned_by(job, secret_name(name_of(job), number));
  if (number == 0) metadata["annotations"] = {{kGenerationAnnotation, generation_of(job)}};
  return json{{"apiVersion", "v1"},
              {"kind", "Secret"},
              {"type", "Opaque"},
              {"metadata", std::move(metadata)},
              {"data", std::move(data).value()}};
}

Result<json> secret_patch_of(const json& job, std::uint32_t number, const json& found,
                             const JobAuthority& authority, std::chrono::sys_seconds now) {
  Result<json> data = data_of(job, number, object_at(found, "data"), authority, now);
  if (!data.ok()) return data.error();
  json patch = {{"apiVersion", "v1"},
                {"kind", "Secret"},
                {"metadata", {{"name", secret_name(name_of(job), number)}}},
                {"data", std::move(data).value()}};
  if (number == 0) patch["metadata"]["annotations"] = {{kGenerationAnnotation, generation_of(job)}};
  return patch;
}

bool changes_certificates(const json& patch) {
  const json& data = object_at(patch, "data");
  return data.size() > (data.contains(kManifestItem) ? 1U : 0U);
}

Result<JobAuthority> authority_in(const json& found) {
  const json& data = object_at(found, "data");
  return JobAuthority::read({.certificate_pem = from_base64(text_at(data, kAuthority)),
                             .key_pem = from_base64(text_at(data, kAuthorityKey))});
}

}  // namespace parallelrun::op
