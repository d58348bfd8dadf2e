// The cluster that a user speaks to: which one, as whom, and in which namespace.
#pragma once

#include <memory>
#include <string>

#include "common/kube/credential.h"
#include "common/kube/kube_client.h"
#include "common/result/result.h"

namespace parallelrun::cluster {

// What the user says on the command line; what is empty comes from the kubeconfig, as kubectl takes it.
struct ClusterChoice {
  std::string kubeconfig;  // --kubeconfig
  std::string context;     // --context
  std::string name_space;  // -n, --namespace

  bool given() const { return !kubeconfig.empty() || !context.empty() || !name_space.empty(); }
};

// Somebody who looks at jobs through a server of ours, which has no rights of its own.
struct Viewer {
  kube::ClusterAddress address;
  std::string token;  // his bearer token: a secret, for the API server alone
};

// Whoever fields belong to that the command line wrote.
inline constexpr const char* kFieldManager = "parallelrun-cli";

// Has no threads of its own; the destructor must not run while a call is under way.
class Connection {
 public:
  // Nothing is sent yet. Errors (no kubeconfig, a context that is not there, ...) name the way out.
  static Result<std::unique_ptr<Connection>> open(const ClusterChoice& choice);
  // With the viewer's token and nothing else; `name_space` may be empty. The same.
  static Result<std::unique_ptr<Connection>> open(const Viewer& viewer, const std::string& name_space);

  kube::KubeClient& client() { return client_; }
  const std::string& name_space() const { return name_space_; }
  const std::string& server() const { return server_; }  // "https://host:port"

 private:
  Connection(std::unique_ptr<kube::Transport> transport, std::string name_space, std::string server);

  std::unique_ptr<kube::Transport> transport_;
  kube::KubeClient client_;
  std::string name_space_;
  std::string server_;
};

}  // namespace parallelrun::cluster
