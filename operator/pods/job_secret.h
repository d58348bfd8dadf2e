// The Secrets of a job as JSON: job.json and the orchestrator's certificate, a certificate for each worker,
// and the authority that signs them. Each pod mounts its own items only, and the authority's key nobody.
#pragma once

#include <chrono>
#include <cstdint>

#include "common/json/json.h"
#include "common/result/result.h"
#include "operator/certificates/certificates.h"

namespace parallelrun::op {

// How many Secrets a job of this nodeCount has: at least one.
std::uint32_t secrets_of(const nlohmann::json& job);

// The whole Secret of this number. `job` is the custom resource. Errors: kInvalidArgument (job.json is too
// large), kIo (OpenSSL).
Result<nlohmann::json> secret_of(const nlohmann::json& job, std::uint32_t number,
                                 const JobAuthority& authority, std::chrono::sys_seconds now);

// What is to change in `found`, the Secret as the server has it, for it to be of this job: job.json and the
// generation, certificates of workers that have come, those that wear out, and all of them where the
// authority is another. A merge patch.
Result<nlohmann::json> secret_patch_of(const nlohmann::json& job, std::uint32_t number,
                                       const nlohmann::json& found, const JobAuthority& authority,
                                       std::chrono::sys_seconds now);
// Whether such a patch changes certificates.
bool changes_certificates(const nlohmann::json& patch);

// The authority in the Secret of number 0, as the server has it. Errors: kCorrupt.
Result<JobAuthority> authority_in(const nlohmann::json& found);

// Names of a worker's items.
std::string certificate_item(std::uint32_t worker);
std::string key_item(std::uint32_t worker);

}  // namespace parallelrun::op
