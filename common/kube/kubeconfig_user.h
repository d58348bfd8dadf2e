// The user of a kubeconfig context -> credentials.
#pragma once

#include <memory>

#include "common/kube/access.h"
#include "common/kube/credential.h"
#include "common/kube/kubeconfig_file.h"

namespace parallelrun::kube {

// `cluster` is what an exec plugin is told that asks for it (provideClusterInfo). Files are read once, so
// that what cannot work is said now; an exec plugin is not run.
Result<std::shared_ptr<CredentialSource>> kubeconfig_credentials(const KubeconfigEntry& user,
                                                                 const nlohmann::json& cluster,
                                                                 const AccessOptions& options);

}  // namespace parallelrun::kube
