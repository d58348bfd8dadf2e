#include "runner/cluster/connection.h"

#include <exception>
#include <utility>

#include "common/kube/access.h"
#include "common/kube/file_credential.h"
#include "common/kube/http_transport.h"
#include "common/result/try.h"

namespace parallelrun::cluster {

Connection::Connection(std::unique_ptr<kube::Transport> transport, std::string name_space, std::string server)
    : transport_(std::move(transport)),
      client_(*transport_, kube::KubeClient::UnknownFields::kRefuse),
      name_space_(std::move(name_space)),
      server_(std::move(server)) {}

Result<std::unique_ptr<Connection>> Connection::open(const ClusterChoice& choice) {
  kube::AccessOptions options;
  options.kubeconfig = choice.kubeconfig;
  options.context = choice.context;
  ASSIGN_OR_RETURN(kube::ClusterAccess access, kube::default_access(options));
  const std::string server = access.address.url;
  const std::string name_space = choice.name_space.empty() ? access.name_space : choice.name_space;
  try {
    auto transport = kube::make_http_transport(std::move(access.address), std::move(access.credentials), {});
    return std::unique_ptr<Connection>(new Connection(std::move(transport), name_space, server));
  } catch (const std::exception& problem) {
    return Error{ErrorCode::kInvalidArgument, std::string("the kubeconfig: ") + problem.what(), false};
  }
}

Result<std::unique_ptr<Connection>> Connection::open(const Viewer& viewer, const std::string& name_space) {
  try {
    auto credentials = std::make_shared<kube::FileCredential>(kube::Credential{viewer.token, "", ""},
                                                              kube::CredentialFiles{}, "the viewer's token");
    auto transport = kube::make_http_transport(viewer.address, std::move(credentials), {});
    return std::unique_ptr<Connection>(new Connection(std::move(transport), name_space, viewer.address.url));
  } catch (const std::exception& problem) {
    return Error{ErrorCode::kInvalidArgument, std::string("the API server's address: ") + problem.what(),
                 false};
  }
}

}  // namespace parallelrun::cluster
