#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "runner/cli/dataset_argument.h"
#include "runner/cli/run_here.h"
#include "runner/cli/verbs.h"

namespace parallelrun {

Verb add_run(CLI::App& program) {
  const auto given = std::make_shared<RunHere>();
  CLI::App* verb = program.add_subcommand(
      "run", "run a job on this machine; start the same command again to go on where it stopped");
  verb->add_option("MANIFEST", given->manifest, "a ParallelRunJob in YAML or JSON; - for standard input")
      ->required();
  verb->add_option("--set", given->overrides,
                   "FIELD=VALUE: another value for a field of spec, such as --set nodeCount=4");
  verb->add_option("--input", given->inputs, "NAME=DIR: the directory of an input");
  verb->add_option("--side-input", given->side_inputs,
                   "NAME=DIR: the directory, or the file, of a side input");
  verb->add_option(
      "--credentials", given->credentials,
      "NAME=FILE: the keys of a store, as YAML or JSON that only you can read; NAME is that of an "
      "input, a side input or a Secret, or sourceDirectory, or output. Default: the environment variables of "
      "the store's provider");
  verb->add_option("--datasets", given->datasets, kDatasetsOption);
  verb->add_option("--source-directory", given->source_directory, "DIR: the directory of the entry script");
  verb->add_option("--output", given->output, "DIR: the output directory");
  CLI::Option* overwrite =
      verb->add_flag("--overwrite", given->overwrite,
                     "remove from the output directory another job's results or a damaged state of this "
                     "job; with allowReuse: false also the complete results of this job");
  verb->add_flag("--retry-failed", given->retry_failed,
                 "try the failed mini-batches again, even if the job is complete; their tries count from the "
                 "beginning")
      ->excludes(overwrite);
  verb->add_option(
          "--take-over", given->take_over,
          "DIR: the output directory of an earlier run; its results are taken over by item, as far as "
          "they are good for this job, and the rest runs (see resubmit)")
      ->excludes(overwrite);
  verb->add_flag("--explain", given->explain,
                 "where no results of an earlier run are reused, tell what differs from the nearest one");
  CLI::Option* quiet = verb->add_flag("--quiet,-q", given->quiet, "print nothing unless the job fails");
  verb->add_flag("--json", given->json, "print progress and result as JSON lines")->excludes(quiet);
  verb->footer("Example: parallelrun run job.yaml --output results/digits --set processCountPerNode=4");
  return {verb, [given] { return run_here(*given); }};
}

}  // namespace parallelrun
