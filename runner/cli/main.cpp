// The program `parallelrun`: composes the verbs, which wire the rooms together.
#include <fmt/format.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "common/posix/environment.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/datasets_verb.h"
#include "runner/cli/launcher.h"
#include "runner/cli/screen.h"
#include "runner/cli/verbs.h"
#include "runner/protocol/machine_token.h"

namespace parallelrun {
namespace {

// Of -o where the verb has none: which verbs have it. Empty: it is not about that.
std::string about_forms(const CLI::App& app, const std::vector<std::string>& words) {
  const auto is_form = [](const std::string& word) {
    return word.starts_with("-o") || word == "--format" || word.starts_with("--format=");
  };
  const auto any = [](const CLI::App*) { return true; };
  const auto given = app.get_subcommands();
  if (given.empty() || std::none_of(words.begin(), words.end(), is_form)) return "";
  const CLI::App& verb = *given.front();
  const auto has = [](const CLI::App& one, const char* name) {
    return one.get_option_no_throw(name) != nullptr;
  };
  if (has(verb, "--format") || !verb.get_subcommands(any).empty()) return "";
  std::string others;
  for (const CLI::App* other : app.get_subcommands(any)) {
    if (has(*other, "--format") && other->get_group() == verb.get_group()) others += other->get_name() + ", ";
  }
  return fmt::format("`{}` has no -o{}; these verbs have it: {}datasets", verb.get_name(),
                     has(verb, "--json") ? " (for programs it has --json)" : "", others);
}

int usage(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& words) {
  // CLI11 gives 0 for --help and --version and codes of its own for mistakes; ours is one.
  std::ostringstream out;
  std::ostringstream err;
  const int code = app.exit(error, out, err);
  std::fputs(presentable_lines(out.str()).c_str(), stdout);
  // Of an argument with line breaks, what it names stays in one line.
  const std::string forms = code != 0 ? about_forms(app, words) : "";
  if (!forms.empty()) {
    complain(forms);
  } else if (code != 0) {
    std::fprintf(stderr, "%s\nRun with --help for more information.\n", presentable(error.what()).c_str());
  }
  return code == 0 ? kExitComplete : kExitInvalid;
}

// The examples of --help as kubectl's users type them.
void speak_as_plugin(CLI::App& app) {
  constexpr std::string_view kOurs = "parallelrun ";
  for (CLI::App* verb : app.get_subcommands([](CLI::App*) { return true; })) {
    std::string footer = verb->get_footer();
    for (std::size_t at = 0; (at = footer.find(kOurs, at)) != std::string::npos; at += kOurs.size() + 8)
      footer.insert(at, "kubectl ");
    verb->footer(footer);
  }
}

}  // namespace

int run_main(int argc, char** argv) {
  // First of all, while nothing secret is here yet.
  close_to_others();
  // In a bundle that may lie anywhere `ps` and `pgrep` would show the loader, which the kernel started.
  prctl(PR_SET_NAME, "parallelrun");
  CLI::App app{"Batch inference: init() and run(mini_batch) over millions of files or table rows."};
  // The starters of bundles and of the wheel hand on as what they were called.
  const std::string starter = environment_variable("PARALLELRUN_CALLED_AS");
  unsetenv("PARALLELRUN_CALLED_AS");
  called_as(!starter.empty() ? starter : argc > 0 ? argv[0] : "");
  app.name(program_words());
  app.set_version_flag("--version", std::string("parallelrun ") + PARALLELRUN_VERSION);
  app.require_subcommand(1);
  // In the order of --help.
  const std::array for_people = {add_init(app),   add_run(app),      add_resubmit(app), add_validate(app),
                                 add_list(app),   add_status(app),   add_logs(app),     add_errors(app),
                                 add_failed(app), add_output(app),   add_explain(app),  add_replay(app),
                                 add_submit(app), add_suspend(app),  add_resume(app),   add_scale(app),
                                 add_cancel(app), add_datasets(app), add_ui(app),       add_completion(app)};
  const std::array for_programs = {add_orchestrator(app), add_agent(app),   add_pod_orchestrator(app),
                                   add_pod_agent(app),    add_install(app), add_data(app),
                                   add_look(app),         add_pack(app),    add_pod_data(app),
                                   add_answer(app),       add_object(app)};
  for (const Verb& verb : for_programs) verb.app->group("Started by run or the operator");
  if (is_kubectl_plugin()) speak_as_plugin(app);
  // Not a verb: its words are what somebody types, and no options of ours.
  if (argc > 1 && std::string_view(argv[1]) == "__complete") return complete(app, {argv + 2, argv + argc});
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return usage(app, error, {argv + 1, argv + argc});
  }
  for (const Verb& verb : for_people)
    if (*verb.app) return verb.run();
  for (const Verb& verb : for_programs)
    if (*verb.app) return verb.run();
  return kExitInvalid;  // require_subcommand: one of them was given
}

}  // namespace parallelrun

int main(int argc, char** argv) {
  try {
    return parallelrun::run_main(argc, argv);
  } catch (const std::exception& error) {
    // Expected failures are values; what arrives here is a bug or a machine without memory.
    parallelrun::complain(std::string("internal error: ") + error.what());
    return parallelrun::kExitFailed;
  }
}
