#include "common/kube/in_cluster.h"

#include <utility>

#include "common/kube/file_credential.h"
#include "common/result/try.h"

namespace parallelrun::kube {
namespace {

constexpr Duration kTokenAge = std::chrono::minutes(1);

// The content without white space at its end; nothing where there is none.
std::optional<std::string> text_of(const std::string& path) {
  auto text = file_text(path);
  if (text) text->erase(text->find_last_not_of(" \t\r\n") + 1);
  if (!text || text->empty()) return std::nullopt;
  return text;
}

}  // namespace

Result<Credential> TokenFile::current(Time now) {
  const std::lock_guard lock(mutex_);
  if (!read_at_ || now - *read_at_ >= kTokenAge) {
    if (auto token = text_of(path_)) {
      token_ = std::move(*token);
      read_at_ = now;
    } else if (token_.empty()) {
      return Error{ErrorCode::kNotFound,
                   path_ + ": no token can be read; check whether the service account is mounted", true};
    }
  }
  return Credential{token_, "", ""};
}

void TokenFile::rejected() {
  const std::lock_guard lock(mutex_);
  read_at_.reset();
}

Result<ClusterAddress> in_cluster_address(const std::function<const char*(const char*)>& environment,
                                          const std::string& ca_file) {
  const char* host = environment("KUBERNETES_SERVICE_HOST");
  const char* port = environment("KUBERNETES_SERVICE_PORT");
  if (host == nullptr || port == nullptr || *host == '\0' || *port == '\0') {
    return Error{ErrorCode::kNotFound,
                 "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so this program does not "
                 "run in a pod; set KUBECONFIG",
                 false};
  }
  auto ca = text_of(ca_file);
  if (!ca) return Error{ErrorCode::kNotFound, ca_file + ": cannot be read", false};
  const std::string name(host);
  const bool ipv6 = name.find(':') != std::string::npos;
  ClusterAddress address;
  address.url = "https://" + (ipv6 ? "kubernetes.default.svc" : name) + ":" + port;
  address.ca_pem = std::move(*ca);
  return address;
}

Result<ClusterAccess> in_cluster_access(const std::function<const char*(const char*)>& environment,
                                        const std::string& folder) {
  ClusterAccess access;
  ASSIGN_OR_RETURN(access.address, in_cluster_address(environment, folder + "/ca.crt"));
  access.credentials = std::make_shared<TokenFile>(folder + "/token");
  if (auto name_space = text_of(folder + "/namespace")) access.name_space = std::move(*name_space);
  return access;
}

}  // namespace parallelrun::kube
