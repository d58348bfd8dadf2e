// Finding the API server and credentials for it, as kubectl and client-go do.
#pragma once

#include <chrono>
#include <string>

#include "common/kube/credential.h"
#include "common/kube/proxy_choice.h"
#include "common/kube/rfc3339.h"

namespace parallelrun::kube {

struct AccessOptions {
  std::string kubeconfig;  // one file; empty: see the functions
  std::string context;     // of the kubeconfig; empty: its current-context
  // What the functions below look variables up in. An exec plugin inherits the environment of the process.
  Environment environment;  // empty: the process's
  std::string service_account_folder = "/var/run/secrets/kubernetes.io/serviceaccount";
  std::chrono::milliseconds exec_time_limit = std::chrono::minutes(1);
  std::function<WallTime()> wall_clock;  // empty: the system's
};

// From `options.kubeconfig`, else the files of KUBECONFIG (colon-separated; one that does not exist is left
// out; of several the first that has an entry counts), else $HOME/.kube/config. A proxy comes from proxy-url,
// else HTTPS_PROXY and NO_PROXY.
//
// Not supported, and refused where the context uses it: username and password, auth-provider, impersonation,
// https and SOCKS proxies, servers by IPv6 address (cpprestsdk). With tls-server-name that name stands in the
// Host header as well.
//
// kNotFound: no file, or a name in it that leads nowhere. Every message names file, field and way out; none
// holds a secret.
Result<ClusterAccess> kubeconfig_access(const AccessOptions& options);

// `options.kubeconfig` (or a context), else KUBECONFIG, else the pod's service account, else
// $HOME/.kube/config.
Result<ClusterAccess> default_access(const AccessOptions& options);

}  // namespace parallelrun::kube
