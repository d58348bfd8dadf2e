// In the pod that a page looks at a job's output with: answers what the page asks (runner/web/pod_answers.h).
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/verbs.h"
#include "runner/web/pod_answers.h"

namespace parallelrun {
namespace {

struct GivenToAnswer {
  std::string directory;
  std::vector<std::string> questions;
};

}  // namespace

Verb add_answer(CLI::App& program) {
  const auto given = std::make_shared<GivenToAnswer>();
  CLI::App* verb = program.add_subcommand("answer", "what a page asks of an output directory, as JSON");
  verb->add_option("DIRECTORY", given->directory, "of the output")->required();
  verb->add_option("QUESTION", given->questions, "such as errors, or log?path=user%2Ferror.txt")->required();
  return {verb, [given] {
            return static_cast<int>(print(web::answers_of(given->directory, given->questions)) ? kExitComplete
                                                                                               : kExitFailed);
          }};
}

}  // namespace parallelrun
