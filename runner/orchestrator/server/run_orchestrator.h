// `parallelrun orchestrator`: one job's orchestrator as a process, from the lock on the output directory to
// the exit code. The only place that wires core, commits, planning, logs and HTTP together.
#pragma once

#include <chrono>
#include <string>

#include "common/http/endpoint.h"

namespace parallelrun {

struct OrchestratorOptions {
  std::string job_file;  // --job: a ResolvedJob as JSON (see runner/job/resolved_job.h)
  std::string listen;    // --listen: unix:/path, HOST:PORT or [IPV6]:PORT; port 0 takes a free one
  TlsFiles tls = {};  // --tls-ca, --tls-certificate, --tls-key: needed unless only this machine can connect
  // --token-fd: the secret of this run comes through it, see machine_token.h; negative: none, so that whoever
  // reaches the endpoint may take part, unless TLS says who is who.
  int token_fd = -1;
  int progress_fd = -1;  // --progress-fd: event stream, see progress_stream.h; negative: none
  int control_fd = -1;   // --control-fd: see control_pipe.h; negative: none
  // --lease: the NAMESPACE/NAME of the job whose Lease the caller holds. A predecessor that has not given up
  // the output directory may be anywhere, even at work: its files are taken over as copies, and what it still
  // writes harms nothing. Empty: none.
  std::string lease;
  // --run: the same for all starts that are one run to the user, whoever restarts this process. A run that
  // was complete before a start is complete, though [allowReuse] is false. Empty: a run of its own.
  std::string run;
  // --run-index: the user's complete runs, see runner/job/run_index.h; empty: no results are reused.
  std::string run_index;
  bool explain_reuse = false;  // --explain: tell why no results are reused
  std::string version;         // of the program; results of another version are not reused
  // --take-over: another output directory whose results are taken over by item, where there is nothing yet
  // that a start would go on with; empty: none.
  std::string take_over;
  // --take-over-job: on a cluster, the job whose output directory that is. What of it cannot be used is told,
  // and the whole job runs: nobody waits at a terminal for a refusal. Empty: on one machine.
  std::string take_over_job;
  bool overwrite = false;  // --overwrite, or [output.overwrite] of the job: clear another job's results away
  bool retry_failed = false;  // --retry-failed: try the failed mini-batches of an earlier run again
  std::chrono::milliseconds heartbeat{1'000};         // agents report at least this often
  std::chrono::milliseconds session_timeout{10'000};  // silence of an agent that frees its leases
  std::chrono::milliseconds abort_grace{5'000};  // for agents to report and leave when the job is stopped
};

// Exit codes: 0 complete (now or before); 1 the job failed, or its output cannot be written; 2 invalid or
// refused (also: complete before and `allowReuse: false`); 130 stopped by SIGINT, SIGTERM or SIGHUP (unless
// that is ignored, as under nohup), resumable. Messages go into the `finished` event; to standard error where
// there is no progress descriptor, and always when a start is refused (2).
//
// Call it on the main thread, before any other thread exists: it takes over SIGINT, SIGTERM, SIGHUP,
// SIGPIPE and SIGXFSZ. Blocks until the end; all of its threads are gone when it returns.
int run_orchestrator(const OrchestratorOptions& options);

}  // namespace parallelrun
