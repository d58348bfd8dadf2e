// `parallelrun orchestrator` as the child of `pod-orchestrator`.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/http/endpoint.h"
#include "common/json/json.h"
#include "common/posix/process_start.h"
#include "common/result/result.h"
#include "runner/events/event_stream.h"

namespace parallelrun {

// Owns the process: the destructor kills it (SIGKILL) and reaps it, unless `reaped`. One thread, which must
// be the one that started it and must outlive it: the child is killed by the kernel when that thread ends.
class OrchestratorProcess {
 public:
  struct Options {
    std::string program;   // parallelrun
    std::string job_file;  // a ResolvedJob
    std::string listen;
    TlsFiles tls;
    std::string lease;  // NAMESPACE/NAME of the job
    std::string run;    // see OrchestratorOptions, as the following
    std::string take_over, take_over_job;
  };

  OrchestratorProcess() = default;
  ~OrchestratorProcess();
  OrchestratorProcess(const OrchestratorProcess&) = delete;
  OrchestratorProcess& operator=(const OrchestratorProcess&) = delete;

  // Call it once. Errors: those of ProcessStart.
  Status start(const Options& options);

  pid_t pid() const { return process_.pid; }
  bool running() const { return process_.pid > 0; }
  // The owner has waited for it by its pid.
  void reaped() { process_ = {}; }

  EventStream& events() { return events_; }
  // Hand nothing new out, or go on. Never blocks.
  void hold(bool held);
  void signal(int number) const;

 private:
  StartedProcess process_;
  EventStream events_;
  FileDescriptor control_;
};

}  // namespace parallelrun
