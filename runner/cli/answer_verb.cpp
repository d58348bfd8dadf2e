// In the pod that a page looks at a job's output with: answers what the page asks (runner/web/pod_answers.h).
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/verbs.h"
#include "runner/web/growing_log.h"
#include "runner/web/pod_answers.h"

namespace parallelrun {
namespace {

struct GivenToAnswer {
  std::string directory;
  std::vector<std::string> questions;
  bool follow = false;
};

int run(const GivenToAnswer& given) {
  if (!given.follow)
    return print(web::answers_of(given.directory, given.questions)) ? kExitComplete : kExitFailed;
  const Status followed =
      web::write_growing_log(given.directory, given.questions.front(),
                             [](std::string_view bytes) { return print(std::string(bytes)); });
  return followed ? static_cast<int>(kExitComplete) : refuse(followed.error().message, kExitInvalid);
}

}  // namespace

Verb add_answer(CLI::App& program) {
  const auto given = std::make_shared<GivenToAnswer>();
  CLI::App* verb = program.add_subcommand("answer", "what a page asks of an output directory, as JSON");
  verb->add_option("DIRECTORY", given->directory, "of the output")->required();
  verb->add_option("QUESTION", given->questions, "such as errors, or log?path=user%2Ferror.txt")->required();
  verb->add_flag("--follow", given->follow,
                 "QUESTION is the path of a log, which is written while it grows (runner/web/growing_log.h)");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
