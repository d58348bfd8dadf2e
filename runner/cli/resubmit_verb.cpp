// A job anew from what ran in an output directory or in a cluster, with some fields changed
// [PipelineParameter].
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/json/json.h"
#include "common/json/members.h"
#include "common/posix/file_descriptor.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/cluster_resubmit.h"
#include "runner/cli/dataset_argument.h"
#include "runner/cli/job_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/run_here.h"
#include "runner/cli/screen.h"
#include "runner/cli/submitted_job.h"
#include "runner/cli/verbs.h"
#include "runner/job/identity.h"
#include "runner/job/submission.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kMostOutputs = 10'000;

struct GivenToResubmit {
  std::string from;
  RunHere run;
  cluster::ClusterChoice cluster;
  std::string name;
  bool no_wait = false;
};

int refuse_resubmission(const std::string& words) {
  complain(words);
  return kExitInvalid;
}

bool is_at_work(const std::string& output) {
  const FileDescriptor lock(::open((output + "/.parallelrun/lock").c_str(), O_RDONLY | O_CLOEXEC));
  return lock && ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

// Whoever began there and ended at once made the directories and nothing in them.
bool has_no_file(const std::string& output) {
  std::error_code error;
  const fs::path state = fs::path(output) / ".parallelrun";
  for (const auto& entry : fs::directory_iterator(output, error)) {
    if (entry.path() != state || !fs::is_empty(state, error)) return false;
  }
  return !error;
}

// The next one that is not there yet: "out-2" beside "out". One in which a resubmission of the same job was
// begun and did not end is gone on with.
std::string next_output(const std::string& from, const json& submission, const ResolvedJob& job) {
  std::string base = from;
  if (!text_at(submission, "resubmissionOf").empty()) {
    const std::size_t dash = base.rfind('-');
    if (dash != std::string::npos && dash + 1 < base.size() &&
        base.find_first_not_of("0123456789", dash + 1) == std::string::npos)
      base.resize(dash);
  }
  for (int number = 2; number < kMostOutputs; ++number) {
    const std::string output = fmt::format("{}-{}", base, number);
    std::error_code error;
    if (!fs::exists(fs::symlink_status(output, error))) return output;
    if (output == from || fs::exists(output + "/_SUCCESS", error)) continue;
    const json there = read_state_json(output + "/.parallelrun/job.json");
    const json its = read_state_json(output + "/.parallelrun/submission.json");
    if (!there.is_object()) {
      // Ended before it was said whose it is.
      const bool begun = fs::exists(output + "/.parallelrun/lock", error) || has_no_file(output);
      if (!begun || is_at_work(output)) continue;
      return output;
    }
    const std::string of = text_at(its, "resubmissionOf");
    const bool ours = of == from || (of.empty() && !fs::exists(output + "/.parallelrun/plan", error));
    ResolvedJob same = job;
    same.output_directory = output;
    if (ours && differing_settings(object_at(there, "settings"), same).empty()) return output;
  }
  return base + "-" + std::to_string(kMostOutputs);
}

int run_in_cluster(const GivenToResubmit& given) {
  for (const auto& [option, is_given] : {std::pair{"--credentials", !given.run.credentials.empty()},
                                         std::pair{"--datasets", !given.run.datasets.empty()}}) {
    if (is_given)
      return refuse_resubmission(fmt::format(
          "{} is for a job of this machine; on a cluster Secrets and ParallelRunDatasets stand for it",
          option));
  }
  ClusterResubmitOptions options;
  options.job = given.from;
  options.cluster = given.cluster;
  options.name = given.name;
  options.overrides = given.run.overrides;
  options.inputs = given.run.inputs;
  options.side_inputs = given.run.side_inputs;
  options.output = given.run.output;
  options.source_directory = given.run.source_directory;
  options.submit = {.no_wait = given.no_wait, .json = given.run.json};
  return cluster_resubmit(options);
}

int run_here_again(const GivenToResubmit& given) {
  if (!read_job(given.from,
                "results are taken over from directories alone: run the job as a new one, with an output of "
                "its own"))
    return kExitInvalid;
  std::error_code error;
  const std::string from = normal_folder(given.from);
  if (is_at_work(from))
    return refuse_resubmission(fmt::format(
        "a job is at work in '{}'; wait for its end, or stop it, and resubmit it then", given.from));
  const auto submitted = submitted_job(from, given.from);
  if (!submitted)
    return refuse_resubmission(
        fmt::format("{}; start the manifest again: parallelrun run MANIFEST --take-over {} --output NEW",
                    submitted.error().message, given.from));
  const json& submission = submitted->record;
  RunHere command = given.run;
  if (const auto words = withheld_in(*submitted, command.overrides)) return refuse_resubmission(*words);
  command.text = submitted->document.dump();
  command.manifest = submitted->manifest;
  command.shown_manifest = from + "/" + kSubmissionPath;
  add_credentials_of(*submitted, command.credentials);
  if (command.datasets.empty()) command.datasets = text_at(submission, "datasets");
  if (!command.output.empty() && fs::equivalent(command.output, from, error)) {
    return refuse_resubmission(fmt::format(
        "'{}' is the earlier output directory, which is not changed; give --output a new one, or start the "
        "same job again to go on there",
        command.output));
  }
  command.take_over = from;
  if (command.output.empty()) {
    command.output = from + "-2";  // until it is known what the job is
    command.output_of = [&](const ResolvedJob& job) { return next_output(from, submission, job); };
  }
  return run_here(command);
}

int run(const GivenToResubmit& given) {
  if (is_in_cluster(given.from, given.cluster)) return run_in_cluster(given);
  if (!given.name.empty() || given.no_wait) {
    return refuse_resubmission(fmt::format("{} is for a job of a cluster; '{}' is an output directory{}",
                                           given.name.empty() ? "--no-wait" : "--name", given.from,
                                           given.name.empty() ? "" : ", and --output names the new one"));
  }
  return run_here_again(given);
}

}  // namespace

Verb add_resubmit(CLI::App& program) {
  const auto given = std::make_shared<GivenToResubmit>();
  RunHere& options = given->run;
  CLI::App* verb = program.add_subcommand("resubmit",
                                          "run a job again, with changes; what is done and still good is "
                                          "taken over, the rest runs");
  verb->add_option(
          "JOB", given->from,
          "the output directory of the earlier run, or the name of a job in a cluster that has ended")
      ->required();
  verb->add_option("--set", options.overrides,
                   "FIELD=VALUE: another value for a field of spec, such as --set miniBatchSize=20");
  verb->add_option("--output", options.output,
                   "DIR: the new output directory; default: JOB-2, or the next number that is free. In a "
                   "cluster CLAIM/FOLDER, of the same claim");
  verb->add_option("--name", given->name,
                   "NEW: the name of the new job in the cluster; default: JOB-2, or the next that is free");
  verb->add_option("--input", options.inputs,
                   "NAME=DIR: another directory for an input; in a cluster NAME=CLAIM[/FOLDER]");
  verb->add_option(
      "--side-input", options.side_inputs,
      "NAME=DIR: another directory, or file, for a side input; in a cluster NAME=CLAIM[/FOLDER]");
  verb->add_option(
      "--credentials", options.credentials,
      "NAME=FILE: the keys of a store, as for run; default: the files that the earlier run was given");
  verb->add_option("--datasets", options.datasets, kDatasetsOption);
  verb->add_option("--source-directory", options.source_directory,
                   "DIR: another directory for the entry script");
  verb->add_flag("--no-wait", given->no_wait, "come back as soon as the cluster has the job");
  add_cluster_options(*verb, given->cluster);
  CLI::Option* quiet = verb->add_flag("--quiet,-q", options.quiet, "print nothing unless the job fails");
  verb->add_flag("--json", options.json, "print progress and result as JSON lines")->excludes(quiet);
  verb->footer(
      "Example: parallelrun resubmit results/digits, to run what failed; parallelrun resubmit digits -n team "
      "--set miniBatchSize=20");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
