// The Secrets of a job: made, adopted where they are there, renewed when the spec changes. One of 128 workers
// each; the first of them holds job.json and the generation, and is complete when it says so.
#pragma once

#include <cstdint>
#include <string>

#include "common/json/json.h"
#include "common/result/result.h"
#include "operator/certificates/certificates.h"
#include "operator/controller/child_writer.h"

namespace parallelrun::op {

class SecretWriter {
 public:
  // `job` is the custom resource with what job.json is to hold. References must outlive it.
  SecretWriter(const nlohmann::json& job, ChildWriter& children, PlanWrites& writes);

  // Where nothing is known of the Secret; most likely there is none. False: it is not there, or is of another
  // generation, which is for the next decision.
  bool create();
  // Where it is there: job.json, and certificates for workers that have come. False, as above.
  bool renew();

 private:
  Child secret(std::uint32_t number) const;
  bool adopt(const nlohmann::json& found);
  bool complete(const nlohmann::json& found);
  bool ensure_further(const JobAuthority& authority);
  bool ensure_further(const JobAuthority& authority, std::uint32_t number);
  bool failed(const Error& why);
  void remember(std::int64_t generation);

  const nlohmann::json& job_;
  ChildWriter& children_;
  PlanWrites& writes_;
  const std::string name_;  // of the job
  const std::string uid_;
  const std::int64_t generation_;
};

}  // namespace parallelrun::op
