// One agent: registers with the orchestrator of a job, supervises worker processes, collects their results
// and logs, and leaves when it is told to.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/http/endpoint.h"
#include "common/result/result.h"
#include "runner/job/resolved_job.h"

namespace parallelrun {

struct AgentOptions {
  std::string connect;          // the orchestrator: unix:/path or HOST:PORT
  std::string name;             // "agent000", or the pod's name
  std::string node;             // IP address of this node; names the folders of its logs
  TlsFiles tls;                 // for TCP to another machine
  std::string tls_server_name;  // empty: the host of `connect`
  // --token-fd: this agent's token comes through it, see machine_token.h. Negative: none; then the proof of
  // this process is a number of its own.
  int token_fd = -1;
  std::string code_hash;  // of the source directory seen here; empty: not checked
  // --predecessor-ended: how the last process of this name ended, as in "was killed by SIGKILL"; empty: there
  // was none, or it is not known. The orchestrator says it of what that one was at work on.
  std::string predecessor_end = {};
  std::string fetched_side_inputs = {};  // of RegisterRequest
  std::uint32_t processes = 0;  // worker processes; 0: as many as the job says [process_count_per_node]

  // Agents of the same job that share this machine, and its GPUs: this one's number from 0, and how many.
  std::uint32_t machine_agent = 0;
  std::uint32_t machine_agents = 1;

  // The programs and the package beside them. Empty: beside the running program (parallelrun-worker,
  // parallelrun-exec, python/).
  std::string program_directory;
  // EntryScript.log_dir of the processes. Empty: a folder of its own below $TMPDIR, removed at the end.
  std::string log_directory;

  // [environment] `env` stands in this process' own environment already, with what its values refer to: it is
  // the kubelet's work in a pod.
  bool env_is_inherited = false;
  // What scripts print goes there too, line by line (see console.h); negative: nowhere.
  int console = -1;
  // Makes this node ready for the job that the orchestrator sent, and may change where it lies: called once,
  // before anything of the job is used; blocks. Empty: nothing is to be done. Of its errors kConflict (other
  // code than the job's) and those to be tried again end this agent; any other ends the job.
  std::function<Status(ResolvedJob&)> settle;

  // Told, before this agent ends with a failure, the sentence why. Empty: nobody is.
  std::function<void(const std::string& why)> on_failure;

  std::chrono::milliseconds stop_grace{2'000};               // for running tries after SIGTERM
  std::chrono::milliseconds orchestrator_patience{600'000};  // without an answer; then the agent ends
  // Of a first registration with a peer that is not trusted; an address may have belonged to another job.
  std::chrono::milliseconds refusal_patience{0};
};

inline constexpr int kAgentLeft = 0;     // told to leave, or SIGTERM/SIGINT: everything was handed over
inline constexpr int kAgentFailed = 1;   // the orchestrator refused it or was not reached
inline constexpr int kAgentMisused = 2;  // the options cannot be used

// Runs until the agent leaves; gives its exit status. To be called on the main thread, which must have no
// other threads beside it: worker processes end when this thread does. Handles SIGTERM and, unless it is
// ignored, SIGINT while it runs and leaves within `stop_grace` and about 3 s then; ignores SIGPIPE. Errors
// are written with spdlog.
int run_agent(const AgentOptions& options);

}  // namespace parallelrun
