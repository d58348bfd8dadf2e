#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "common/text/presentable.h"
#include "runner/cli/dataset_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/manifest_argument.h"
#include "runner/cli/screen.h"
#include "runner/cli/verbs.h"
#include "runner/job/local_resolution.h"

namespace parallelrun {
namespace {

struct GivenToValidate {
  std::string manifest;
  std::vector<std::string> overrides;
  std::string datasets;  // --datasets; empty: see dataset_folder_path()
};

// Whether every directory of the job is one of this machine, so that `run` needs no options.
bool is_local(const JobSpec& spec) {
  const auto local = [](const auto& named) { return named.source.local_path.has_value(); };
  return (!spec.source_directory || spec.source_directory->local_path) && local(spec.output) &&
         std::all_of(spec.inputs.begin(), spec.inputs.end(), local) &&
         std::all_of(spec.side_inputs.begin(), spec.side_inputs.end(), local);
}

void warn(const GivenToValidate& command, const std::vector<SpecProblem>& problems) {
  for (const SpecProblem& problem : problems) {
    std::fprintf(stderr, "%s: %s `parallelrun run` would refuse this here: %s\n",
                 presentable(command.manifest).c_str(),
                 painted("warning:", Colour::kLook, screen_of(STDERR_FILENO).colours).c_str(),
                 to_string(problem).c_str());
  }
}

// What `run` would refuse of a job that needs no options.
void look_here(const GivenToValidate& command, const ReadManifest& manifest) {
  LocalOverrides here;
  here.environment_names = environment_names();
  JobSpec spec = manifest.spec;
  if (!datasets_named_in(spec).empty()) {
    DatasetsLookedUp found =
        look_up_datasets(manifest, here, DatasetFolder(dataset_folder_path(command.datasets)), nullptr);
    if (!found.ok()) return warn(command, found.problems);
    for (const std::string& words : found.told)
      std::fprintf(stderr, "%s: note: %s\n", presentable(command.manifest).c_str(),
                   presentable(words).c_str());
    spec = std::move(found.spec);
  }
  if (is_local(spec)) warn(command, resolve(spec, here, command.manifest).problems);
}

int run(const GivenToValidate& command) {
  const std::optional<ReadManifest> manifest = read_spec(command.manifest, command.overrides);
  if (!manifest) return kExitInvalid;
  const JobSpec* spec = &manifest->spec;
  for (const std::string& note : notes_on(*spec)) {
    std::fprintf(stderr, "%s: note: %s\n", command.manifest.c_str(), note.c_str());
  }
  look_here(command, *manifest);
  std::printf("%s: the ParallelRunJob '%s' is valid\n", presentable(command.manifest).c_str(),
              spec->name.c_str());
  return kExitComplete;
}

}  // namespace

Verb add_validate(CLI::App& program) {
  const auto given = std::make_shared<GivenToValidate>();
  CLI::App* verb = program.add_subcommand("validate", "check a manifest and name all its problems");
  verb->add_option("MANIFEST", given->manifest, "a ParallelRunJob in YAML or JSON; - for standard input")
      ->required();
  verb->add_option("--set", given->overrides, "FIELD=VALUE: another value for a field of spec");
  verb->add_option("--datasets", given->datasets, kDatasetsOption);
  verb->footer("Example: parallelrun validate job.yaml --set nodeCount=4");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
