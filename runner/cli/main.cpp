// The program `parallelrun`: the only place that wires the rooms together.
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <sstream>
#include <string>

#include "common/pod/pod_layout.h"
#include "common/posix/running_program.h"
#include "common/text/presentable.h"
#include "runner/agent/agent.h"
#include "runner/cli/launcher.h"
#include "runner/cli/run_command.h"
#include "runner/orchestrator/server/run_orchestrator.h"
#include "runner/pod/installation.h"
#include "runner/pod/pod_agent.h"
#include "runner/pod/pod_orchestrator.h"
#include "runner/protocol/machine_token.h"

namespace parallelrun {
namespace {

std::string this_program() {
  const std::string path = running_program();
  return path.empty() ? "parallelrun" : path;
}

// A child of the launcher ends with it, also when the launcher is killed. False: it is gone already.
// `signal` says how: a job that another pod may take over must not be worked on for a moment longer.
bool end_with_parent(pid_t parent, int signal) {
  if (parent == 0) return true;
  prctl(PR_SET_PDEATHSIG, signal);
  return getppid() == parent;
}

// For tests; in a pod things are where docs/operator.md says.
void add_places(CLI::App& verb, PodPlaces& places) {
  verb.add_option("--root", places.root, "DIR to put before the paths of the pod's volumes");
  verb.add_option("--job-files", places.job_files, "DIR of the job's Secret");
  verb.add_option("--source-copy", places.source_copy, "DIR for the copy of the code");
  verb.add_option("--scratch", places.scratch, "DIR for files that only this pod uses");
}

TlsFiles pod_tls(const PodPlaces& places) {
  return {places.job_file(pod::kAuthority), places.job_file(pod::kCertificate), places.job_file(pod::kKey)};
}

int install_command(const std::string& directory) {
  const Result<std::string> installation = installation_folder();
  const Status done = installation ? install(*installation, directory) : Status(installation.error());
  if (done) return kExitComplete;
  std::fprintf(stderr, "parallelrun: %s\n", presentable(done.error().message).c_str());
  return kExitFailed;
}

int usage(const CLI::App& app, const CLI::ParseError& error) {
  // CLI11 gives 0 for --help and --version and codes of its own for mistakes; ours is one.
  std::ostringstream out;
  std::ostringstream err;
  const int code = app.exit(error, out, err);
  std::fputs(presentable_lines(out.str()).c_str(), stdout);
  // Of an argument with line breaks, what it names stays in one line.
  if (code != 0) {
    std::fprintf(stderr, "%s\nRun with --help for more information.\n", presentable(error.what()).c_str());
  }
  return code == 0 ? kExitComplete : kExitInvalid;
}

}  // namespace

int run_main(int argc, char** argv) {
  // First of all, while nothing secret is here yet.
  close_to_others();
  // In a bundle that may lie anywhere `ps` and `pgrep` would show the loader, which the kernel started.
  prctl(PR_SET_NAME, "parallelrun");
  CLI::App app{"Batch inference: init() and run(mini_batch) over millions of files or table rows."};
  app.name("parallelrun");
  app.set_version_flag("--version", std::string("parallelrun ") + PARALLELRUN_VERSION);
  app.require_subcommand(1);

  RunCommand run;
  run.program = this_program();
  CLI::App* run_verb = app.add_subcommand(
      "run", "run a job on this machine; start the same command again to go on where it stopped");
  run_verb->add_option("MANIFEST", run.manifest, "a ParallelRunJob in YAML or JSON; - for standard input")
      ->required();
  run_verb->add_option("--set", run.overrides,
                       "FIELD=VALUE: another value for a field of spec, such as --set nodeCount=4");
  run_verb->add_option("--input", run.inputs, "NAME=DIR: the directory of an input");
  run_verb->add_option("--side-input", run.side_inputs, "NAME=DIR: the directory of a side input");
  run_verb->add_option("--source-directory", run.source_directory, "DIR: the directory of the entry script");
  run_verb->add_option("--output", run.output, "DIR: the output directory");
  CLI::Option* overwrite =
      run_verb->add_flag("--overwrite", run.overwrite,
                         "remove from the output directory another job's results or a damaged state of this "
                         "job; with allowReuse: false also the complete results of this job");
  run_verb
      ->add_flag("--retry-failed", run.retry_failed,
                 "try the failed mini-batches again, even if the job is complete; their tries count from the "
                 "beginning")
      ->excludes(overwrite);
  CLI::Option* quiet = run_verb->add_flag("--quiet,-q", run.quiet, "print nothing unless the job fails");
  run_verb->add_flag("--json", run.json, "print progress and result as JSON lines")->excludes(quiet);

  ValidateCommand validate;
  CLI::App* validate_verb = app.add_subcommand("validate", "check a manifest and name all its problems");
  validate_verb
      ->add_option("MANIFEST", validate.manifest, "a ParallelRunJob in YAML or JSON; - for standard input")
      ->required();
  validate_verb->add_option("--set", validate.overrides, "FIELD=VALUE: another value for a field of spec");

  pid_t parent = 0;
  OrchestratorOptions orchestrator;
  CLI::App* orchestrator_verb =
      app.add_subcommand("orchestrator", "plan, lease and commit a job (started by `run` or the operator)");
  orchestrator_verb->add_option("--job", orchestrator.job_file, "the job, as JSON")->required();
  orchestrator_verb->add_option("--listen", orchestrator.listen, "unix:/path or HOST:PORT")->required();
  orchestrator_verb->add_option("--token-fd", orchestrator.token_fd,
                                "file descriptor from which the secret of the run is read");
  orchestrator_verb->add_option("--progress-fd", orchestrator.progress_fd,
                                "file descriptor to which progress is written, as JSON lines");
  orchestrator_verb->add_option("--control-fd", orchestrator.control_fd,
                                "file descriptor from which `hold` and `go` are read");
  orchestrator_verb->add_option(
      "--lease", orchestrator.lease,
      "NAMESPACE/NAME of the job whose Lease is held: take the files over from its last holder");
  orchestrator_verb->add_option("--run", orchestrator.run, "the same for restarts within one run");
  orchestrator_verb->add_flag("--overwrite", orchestrator.overwrite,
                              "remove another job's results, or a damaged state of this one");
  orchestrator_verb->add_flag("--retry-failed", orchestrator.retry_failed,
                              "try the failed mini-batches of an earlier run again");
  orchestrator_verb->add_option("--tls-ca", orchestrator.tls.ca,
                                "PEM file of the job's certificate authority");
  orchestrator_verb->add_option("--tls-certificate", orchestrator.tls.certificate, "PEM file");
  orchestrator_verb->add_option("--tls-key", orchestrator.tls.key, "PEM file");
  orchestrator_verb->add_option("--parent", parent, "process id of the parent; this process ends with it");

  AgentOptions agent;
  CLI::App* agent_verb = app.add_subcommand(
      "agent", "supervise the worker processes of one node (started by `run` or the operator)");
  agent_verb->add_option("--connect", agent.connect, "the orchestrator's unix:/path or HOST:PORT")
      ->required();
  agent_verb
      ->add_option("--name", agent.name, "name of this agent, the same for the whole job, such as agent000")
      ->required();
  agent_verb->add_option("--node", agent.node, "IP address of this node")->required();
  agent_verb->add_option("--token-fd", agent.token_fd,
                         "file descriptor from which the token of this agent is read");
  agent_verb->add_option("--predecessor-ended", agent.predecessor_end,
                         "how the last agent of this name ended, in words");
  agent_verb->add_option("--processes", agent.processes,
                         "number of worker processes; default: the job's processCountPerNode");
  agent_verb->add_option(
      "--machine-agent", agent.machine_agent,
      "number of this agent among the agents of the job on this machine; they share its GPUs");
  agent_verb
      ->add_option("--machine-agents", agent.machine_agents, "number of agents of the job on this machine")
      ->check(CLI::PositiveNumber);
  agent_verb->add_option(
      "--log-directory", agent.log_directory,
      "EntryScript.log_dir of the scripts; default: a folder that is removed with the agent");
  agent_verb->add_option("--tls-ca", agent.tls.ca, "PEM file of the job's certificate authority");
  agent_verb->add_option("--tls-certificate", agent.tls.certificate, "PEM file");
  agent_verb->add_option("--tls-key", agent.tls.key, "PEM file");
  agent_verb->add_option("--parent", parent, "process id of the parent; this process ends with it");

  PodOrchestratorOptions pod_orchestrator;
  pod_orchestrator.program = run.program;
  CLI::App* pod_orchestrator_verb = app.add_subcommand(
      "pod-orchestrator", "the orchestrator of a job in its pod (started by the operator)");
  pod_orchestrator_verb->add_option("--ended", pod_orchestrator.ended,
                                    "HOLDER of the Lease that has ended; the Lease is taken from it at once");
  pod_orchestrator_verb->add_option("--listen", pod_orchestrator.listen, "HOST:PORT");
  pod_orchestrator_verb->add_option("--kubeconfig", pod_orchestrator.kubeconfig,
                                    "used instead of the pod's service account");
  pod_orchestrator_verb->add_option("--termination-log", pod_orchestrator.termination_log,
                                    "file for the termination message");
  std::int64_t lease_seconds = pod_orchestrator.lease_duration.count();
  pod_orchestrator_verb
      ->add_option("--lease-duration", lease_seconds,
                   "number of seconds after which another pod may take a Lease that is not renewed")
      ->check(CLI::Range(1, 3600));
  add_places(*pod_orchestrator_verb, pod_orchestrator.places);

  PodAgentOptions pod_agent;
  CLI::App* pod_agent_verb =
      app.add_subcommand("pod-agent", "the worker processes of a job in a pod (started by the operator)");
  pod_agent_verb->add_option("--connect", pod_agent.connect, "HOST:PORT of the orchestrator")->required();
  pod_agent_verb
      ->add_option("--name", pod_agent.name,
                   "name of this worker, the same for the whole job, such as worker-0")
      ->required();
  pod_agent_verb->add_option("--termination-log", pod_agent.termination_log,
                             "file for the reason of a failure");
  pod_agent_verb
      ->add_option("--predecessor-ended", pod_agent.predecessor_end,
                   "how the last pod of this name ended, in words")
      ->envname(pod::kPredecessorEnded);
  add_places(*pod_agent_verb, pod_agent.places);

  std::string install_directory;
  CLI::App* install_verb = app.add_subcommand("install", "copy this installation into a directory");
  install_verb->add_option("DIR", install_directory, "the directory; it is made if it is missing")
      ->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return usage(app, error);
  }
  if (!end_with_parent(parent, orchestrator.lease.empty() ? SIGTERM : SIGKILL)) return kExitFailed;
  if (*run_verb) return run_command(run);
  if (*validate_verb) return validate_command(validate);
  if (*orchestrator_verb) return run_orchestrator(orchestrator);
  if (*pod_orchestrator_verb) {
    pod_orchestrator.lease_duration = std::chrono::seconds(lease_seconds);
    pod_orchestrator.tls = pod_tls(pod_orchestrator.places);
    return run_pod_orchestrator(pod_orchestrator);
  }
  if (*pod_agent_verb) {
    pod_agent.tls = pod_tls(pod_agent.places);
    return run_pod_agent(pod_agent);
  }
  if (*install_verb) return install_command(install_directory);
  return run_agent(agent);
}

}  // namespace parallelrun

int main(int argc, char** argv) {
  try {
    return parallelrun::run_main(argc, argv);
  } catch (const std::exception& error) {
    // Expected failures are values; what arrives here is a bug or a machine without memory.
    std::fprintf(stderr, "parallelrun: internal error: %s\n", parallelrun::presentable(error.what()).c_str());
    return parallelrun::kExitFailed;
  }
}
