// Access to the API server from inside a pod.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/kube/credential.h"

namespace parallelrun::kube {

// The bearer token of a file that somebody replaces: read again after a minute and after a 401. While it
// cannot be read, the last one is used.
class TokenFile final : public CredentialSource {
 public:
  explicit TokenFile(std::string path) : path_(std::move(path)) {}
  Result<Credential> current(Time now) override;
  void rejected() override;

 private:
  const std::string path_;
  std::mutex mutex_;
  std::string token_;
  std::optional<Time> read_at_;
};

// The address alone, with the authority of `ca_file`: of a pod without an account's token. Errors: those of
// in_cluster_access().
Result<ClusterAddress> in_cluster_address(const std::function<const char*(const char*)>& environment,
                                          const std::string& ca_file);

// From KUBERNETES_SERVICE_HOST and _PORT as `environment` gives them (null: not set), and the files `token`,
// `ca.crt` and `namespace` of `folder`. An IPv6 host is reached by the name kubernetes.default.svc, which the
// server's certificate holds as well: cpprestsdk does not resolve IPv6 literals. kNotFound: this is not a
// pod.
Result<ClusterAccess> in_cluster_access(
    const std::function<const char*(const char*)>& environment,
    const std::string& folder = "/var/run/secrets/kubernetes.io/serviceaccount");

}  // namespace parallelrun::kube
