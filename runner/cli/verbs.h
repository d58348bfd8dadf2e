// The verbs of the command line, a file for each: <name>_verb.cpp. `main` composes them.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace parallelrun {

struct Verb {
  CLI::App* app = nullptr;   // with its options; parsed to true where the verb was given
  std::function<int()> run;  // after the parse; gives the exit code (launcher.h)
};

// What a user calls. Both print what is wrong to standard error.
Verb add_run(CLI::App& program);
// Judges the manifest, whose verdict is the same on every machine. Where all its sources are `local`, what
// `run` would refuse besides (a missing directory, script or variable, an output that cannot be written) is
// a warning: it is this machine's, and an option of `run` may stand in for it.
Verb add_validate(CLI::App& program);

// Makes a job of this machine anew from what ran in an output directory.
Verb add_resubmit(CLI::App& program);

// Runs one mini-batch of a job of this machine again, alone and in the foreground. Commits nothing.
Verb add_replay(CLI::App& program);

Verb add_init(CLI::App& program);

// What a user calls for jobs of a cluster.
Verb add_submit(CLI::App& program);
Verb add_suspend(CLI::App& program);
Verb add_resume(CLI::App& program);
Verb add_scale(CLI::App& program);
Verb add_cancel(CLI::App& program);

// They look at a job, by its directory or its name in a cluster, at work or ended, and change nothing.
Verb add_list(CLI::App& program);
Verb add_status(CLI::App& program);
Verb add_logs(CLI::App& program);
Verb add_errors(CLI::App& program);
Verb add_failed(CLI::App& program);
Verb add_output(CLI::App& program);
Verb add_explain(CLI::App& program);

// A page on this machine that shows jobs, until it is interrupted.
Verb add_ui(CLI::App& program);

// For shells; of all verbs that --help shows, so it is added last. `program` must outlive it.
Verb add_completion(CLI::App& program);
// Of which jobs the first word behind a verb is one: output directories of this machine, names in a cluster.
enum class CompletedJobs { kNone, kHere, kInCluster, kBoth };
CompletedJobs completed_jobs(const CLI::App& verb);
// `parallelrun __complete WORDS...`, which shells and kubectl call for the last of the words while it is
// typed: a verb, an option, or a job. A line each with a tab before what it is; then `:N` as cobra has it.
// Takes two seconds at most. Gives the exit code.
int complete(const CLI::App& program, std::vector<std::string> words);

// What `run` or the operator starts.
Verb add_orchestrator(CLI::App& program);
Verb add_agent(CLI::App& program);
Verb add_pod_orchestrator(CLI::App& program);
Verb add_pod_agent(CLI::App& program);
Verb add_install(CLI::App& program);
Verb add_data(CLI::App& program);
Verb add_pod_data(CLI::App& program);
// What `logs` and the like start in a pod.
Verb add_look(CLI::App& program);
Verb add_pack(CLI::App& program);
Verb add_answer(CLI::App& program);
// What the Python package calls for what lies in a namespace beside jobs.
Verb add_object(CLI::App& program);

}  // namespace parallelrun
