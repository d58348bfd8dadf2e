#include "runner/orchestrator/server/lock_holder.h"

#include <unistd.h>

#include "common/posix/host_name.h"
#include "runner/orchestrator/server/job_logs.h"

namespace parallelrun::orchestrator {

nlohmann::json lock_holder(const std::string& lease) {
  nlohmann::json holder = {{"pid", getpid()}, {"host", host_name()}, {"started", utc_now()}};
  if (!lease.empty()) holder["lease"] = lease;
  return holder;
}

}  // namespace parallelrun::orchestrator
