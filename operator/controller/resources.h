// The kinds of objects that the operator reads and writes, by the names that paths and RBAC have for them.
#pragma once

#include "common/kube/kube_client.h"

namespace parallelrun::op {

inline const kube::Resource kJobs{"parallelrun.dev", "v1alpha1", "parallelrunjobs"};
inline const kube::Resource kDatasets{"parallelrun.dev", "v1alpha1", "parallelrundatasets"};
inline const kube::Resource kPods{"", "v1", "pods"};
inline const kube::Resource kServices{"", "v1", "services"};
inline const kube::Resource kSecrets{"", "v1", "secrets"};
inline const kube::Resource kServiceAccounts{"", "v1", "serviceaccounts"};
inline const kube::Resource kRoleBindings{"rbac.authorization.k8s.io", "v1", "rolebindings"};
inline const kube::Resource kCoreEvents{"", "v1", "events"};
inline const kube::Resource kEvents{"events.k8s.io", "v1", "events"};

inline constexpr const char* kFieldManager = "parallelrun-operator";
inline constexpr const char* kOwnObjects = "app.kubernetes.io/managed-by=parallelrun-operator";
// On pods and Services: the generation of the job that the Secret's job.json had when this was written. So a
// restarted operator knows about Secrets without the right to read them.
inline constexpr const char* kSecretGeneration = "parallelrun.dev/secret-generation";

}  // namespace parallelrun::op
