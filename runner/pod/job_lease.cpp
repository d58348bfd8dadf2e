#include "runner/pod/job_lease.h"

#include <utility>

#include "common/spec/manifest.h"

namespace parallelrun {

kube::LeaseTarget lease_target(const JobLeaseOptions& options) {
  kube::LeaseTarget target;
  target.name_space = options.name_space;
  target.name = options.job_name + "-orchestrator";
  target.field_manager = "parallelrun-orchestrator";
  target.labels = {{"app.kubernetes.io/name", "parallelrun"}, {"parallelrun.dev/job", options.job_name}};
  if (!options.job_uid.empty()) {
    target.owner_references.push_back({{"apiVersion", std::string(kApiVersion)},
                                       {"kind", std::string(kKind)},
                                       {"name", options.job_name},
                                       {"uid", options.job_uid},
                                       {"blockOwnerDeletion", false}});
  }
  return target;
}

kube::LeaseOptions lease_options(const JobLeaseOptions& options) {
  kube::LeaseOptions lease;
  lease.identity = options.holder;
  lease.ended_holders = {options.ended.begin(), options.ended.end()};
  lease.lease_duration = options.duration;
  lease.renew_deadline = kube::Duration(options.duration) * 2 / 3;
  lease.retry_period = kube::Duration(options.duration) / 5;
  return lease;
}

JobLease::JobLease(kube::Transport& transport, const JobLeaseOptions& options, std::function<void()> changed)
    : election_(transport, lease_target(options), lease_options(options),
                [changed = std::move(changed)](kube::LeaseStanding) { changed(); }),
      thread_([this](const std::stop_token& stop) { election_.run(stop); }) {}

std::string JobLease::words() const {
  if (const auto error = election_.last_error()) return error->message;
  const std::string holder = election_.holder();
  return holder.empty() ? std::string("nobody holds it") : "its holder is " + holder;
}

}  // namespace parallelrun
