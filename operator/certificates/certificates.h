// The certificates of one job, made with OpenSSL. The authority's key is thrown away after signing.
#pragma once

#include <chrono>
#include <string>

#include "common/result/result.h"

namespace parallelrun::op {

struct CertifiedKey {
  std::string certificate_pem;
  std::string key_pem;  // PKCS#8
};

struct JobCertificates {
  std::string authority_pem;
  CertifiedKey orchestrator;  // server and client; O=orchestrator, for `service_host`
  CertifiedKey worker;        // client; O=worker
};

// ECDSA P-256, valid from an hour before `now` (clocks differ) for ten years: a job may be suspended for
// long. `service_host` is a DNS name. Errors: kInvalidArgument (no DNS name), kIo when OpenSSL fails, for
// want of random numbers, say.
Result<JobCertificates> make_job_certificates(const std::string& job, const std::string& service_host,
                                              std::chrono::sys_seconds now);

}  // namespace parallelrun::op
