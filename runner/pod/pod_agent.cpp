#include "runner/pod/pod_agent.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "common/posix/environment.h"
#include "common/result/try.h"
#include "runner/agent/agent.h"
#include "runner/job/code_hash.h"
#include "runner/job/fetched_side_inputs.h"
#include "runner/job/store_variables.h"
#include "runner/pod/init_process.h"
#include "runner/pod/source_copy.h"
#include "runner/pod/termination_message.h"
#include "runner/store/data_connection.h"

namespace parallelrun {
namespace {

// The operator ends a worker that is not needed; nothing else may tell it that waiting is of no use.
constexpr std::chrono::hours kPatience{24 * 365};
// An address may for a moment belong to another job's pod, or the orchestrator's may come up anew.
constexpr std::chrono::seconds kDoubt{60};

// What a webhook has put into every container of the pod is for the one that reads stores.
void withhold_credentials(const JobSpec& spec) {
  for (const std::string& name : withheld_variables(spec, stores_without_secret(spec))) {
    if (environment_variable(name.c_str()).empty()) continue;
    ::unsetenv(name.c_str());
    std::fprintf(stderr,
                 "note: the script does not get %s, whose credentials the job's stores use; what the script "
                 "needs itself can be set in spec.environment\n",
                 name.c_str());
  }
}

// What the container `data` has fetched before this one was started. Where it does not say so, nobody will
// take the results for those of another job: no reason to end.
std::string fetched_here() {
  const std::string socket = data_socket();
  if (socket.empty()) return {};
  const Result<std::string> digest = fetched_digest(socket);
  if (digest) return *digest;
  std::fprintf(stderr, "warning: it is not known which objects the side inputs are: %s\n",
               digest.error().message.c_str());
  return {};
}

// Makes this pod ready for the job: its own copy of the code, its volumes.
Status settle(ResolvedJob& job, const PodPlaces& places) {
  withhold_credentials(job.spec);
  PodResolution found;
  if (const auto code = code_place(job.spec, places, found)) {
    RETURN_IF_ERROR(copy_source(code->directory, code->boundary, places.source_copy));
  }
  if (!found.ok()) return Error{ErrorCode::kNotFound, to_string(found.problems.front()), found.passing};
  RETURN_IF_ERROR(settle_in_worker(job, places));
  if (job.code_hash.empty()) return {};
  Result<CodeFiles> files = code_files(job);
  if (!files) return files.error();
  const std::string hash = code_hash(files.value());
  if (hash == job.code_hash) return {};
  return Error{ErrorCode::kConflict,
               fmt::format("the source directory changed since the job started: this pod has code with the "
                           "hash {}, the job has {}; restore the code, or delete the job and create it again",
                           hash.substr(0, 12), job.code_hash.substr(0, 12))};
}

}  // namespace

int run_pod_agent(const PodAgentOptions& options) {
  return run_as_init([&options] {
    AgentOptions agent;
    agent.connect = options.connect;
    agent.name = options.name;
    agent.node = environment_variable("POD_IP");
    if (agent.node.empty()) agent.node = "127.0.0.1";
    agent.tls = options.tls;
    agent.predecessor_end = options.predecessor_end;
    agent.fetched_side_inputs = fetched_here();
    agent.log_directory = options.places.scratch + "/log_dir";
    agent.orchestrator_patience = kPatience;
    agent.refusal_patience = kDoubt;
    agent.console = STDOUT_FILENO;
    agent.env_is_inherited = true;
    agent.settle = [&options](ResolvedJob& job) { return settle(job, options.places); };
    agent.on_failure = [&options](const std::string& why) {
      const auto end = end_without_event("Interrupted", "WorkerFailed", why);
      if (const Status written =
              write_termination_message(options.termination_log, termination_message(end, ""));
          !written) {
        std::fprintf(stderr, "parallelrun: %s\n", written.error().message.c_str());
      }
    };
    return run_agent(agent);
  });
}

}  // namespace parallelrun
