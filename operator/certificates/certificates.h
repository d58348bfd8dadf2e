// The certificates of one job, made with OpenSSL.
//
// A job has an authority of its own, which nothing but its orchestrator and its workers trust. Its key stays
// in the job's Secret, where the operator reads it when workers are added, and no pod mounts it.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "common/result/result.h"

namespace parallelrun::op {

struct CertifiedKey {
  std::string certificate_pem;
  std::string key_pem;  // PKCS#8
};

// ECDSA P-256. Everything is valid from an hour before `now` (clocks differ) for ten years: a job may be
// suspended for long.
class JobAuthority {
 public:
  // A new one. Errors: kIo when OpenSSL fails, for want of random numbers, say.
  static Result<JobAuthority> make(const std::string& job, std::chrono::sys_seconds now);
  // One that was made earlier. Errors: kCorrupt.
  static Result<JobAuthority> read(const CertifiedKey& stored);

  ~JobAuthority();
  JobAuthority(JobAuthority&& other) noexcept;
  JobAuthority& operator=(JobAuthority&& other) noexcept;

  const CertifiedKey& stored() const;
  const std::string& certificate_pem() const { return stored().certificate_pem; }

  // Server and client; O=orchestrator, for `service_host`, a DNS name. Errors: kInvalidArgument, kIo.
  Result<CertifiedKey> certify_orchestrator(const std::string& job, const std::string& service_host,
                                            std::chrono::sys_seconds now) const;
  // Client only; O=worker, CN=`agent`: the name that this worker registers as and no other. Errors:
  // kInvalidArgument (longer than a name may be), kIo.
  Result<CertifiedKey> certify_worker(const std::string& agent, std::chrono::sys_seconds now) const;

 private:
  struct Parts;
  explicit JobAuthority(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// Whether a certificate is to be made anew: less than a year of it is left, or it cannot be read.
bool wears_out(const std::string& certificate_pem, std::chrono::sys_seconds now);

}  // namespace parallelrun::op
