#include "runner/cli/run_command.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/spec/manifest.h"
#include "common/text/presentable.h"
#include "runner/cli/launcher.h"
#include "runner/input/glob.h"
#include "runner/job/local_resolution.h"

namespace parallelrun {

namespace {

void print_problems(const std::vector<SpecProblem>& problems, const std::string& manifest) {
  for (const SpecProblem& problem : problems) {
    const std::string words = to_string(problem, manifest);
    std::fprintf(stderr, "%s%s\n", is_option(problem) ? "parallelrun: " : "", words.c_str());
  }
}

// Whether every directory of the job is one of this machine, so that `run` needs no options.
bool is_local(const JobSpec& spec) {
  const auto local = [](const auto& named) { return named.source.local_path.has_value(); };
  return (!spec.source_directory || spec.source_directory->local_path) && local(spec.output) &&
         std::all_of(spec.inputs.begin(), spec.inputs.end(), local) &&
         std::all_of(spec.side_inputs.begin(), spec.side_inputs.end(), local);
}

struct ReadSpec {
  std::optional<JobSpec> spec;  // empty: what is wrong has been printed
};

ReadSpec read_spec(const std::string& manifest, const std::vector<std::string>& overrides) {
  const auto text = read_manifest_file(manifest);
  if (!text) {
    std::fprintf(stderr, "parallelrun: %s\n", presentable(text.error().message).c_str());
    return {};
  }
  ParseOptions options;
  options.overrides = overrides;
  ParsedSpec parsed = parse_manifest(*text, options);
  if (!parsed.ok()) {
    print_problems(parsed.problems, manifest);
    return {};
  }
  std::vector<SpecProblem> globs;
  for (std::size_t i = 0; i < parsed.spec.inputs.size(); ++i) {
    const auto glob = Glob::compile(parsed.spec.inputs[i].glob);
    if (!glob) globs.push_back({"spec.inputs[" + std::to_string(i) + "].glob", glob.error().message, 0});
  }
  if (!globs.empty()) {
    print_problems(globs, manifest);
    return {};
  }
  return {std::move(parsed.spec)};
}

// "NAME=DIR" options into a map. False: one is malformed or doubled, and that has been printed.
bool read_directories(const char* option, const std::vector<std::string>& values,
                      std::map<std::string, std::string>& into) {
  for (const std::string& value : values) {
    const std::size_t sign = value.find('=');
    if (sign == 0 || sign == std::string::npos || sign + 1 == value.size()) {
      std::fprintf(stderr, "parallelrun: %s '%s': expected NAME=DIR\n", option, presentable(value).c_str());
      return false;
    }
    if (!into.emplace(value.substr(0, sign), value.substr(sign + 1)).second) {
      std::fprintf(stderr, "parallelrun: %s '%s': the option is given twice; give it only once\n", option,
                   presentable(value.substr(0, sign)).c_str());
      return false;
    }
  }
  return true;
}

std::set<std::string> environment_names() {
  std::set<std::string> names;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    names.emplace(text.substr(0, text.find('=')));
  }
  return names;
}

// A process of the job works in the script's folder, where relative entries would name something else. An
// empty one is the working directory for Python, too.
std::string absolute_entries(std::string_view list, const std::string& here) {
  std::string out;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(':', begin), list.size());
    const std::string entry(list.substr(begin, end - begin));
    if (begin > 0) out += ':';
    out += entry.starts_with('/') ? entry : here + (entry.empty() ? "" : "/" + entry);
    begin = end + 1;
  }
  return out;
}

void make_python_path_absolute() {
  const char* list = std::getenv("PYTHONPATH");
  std::error_code error;
  const std::string here = std::filesystem::current_path(error).string();
  if (list == nullptr || *list == '\0' || error) return;
  setenv("PYTHONPATH", absolute_entries(list, here).c_str(), 1);
}

DisplayMode display_mode(const RunCommand& command) {
  if (command.quiet) return DisplayMode::kQuiet;
  return command.json ? DisplayMode::kJson : display_mode_for(STDERR_FILENO);
}

}  // namespace

int run_command(const RunCommand& command) {
  // The agents hold to it; found there, it would be found by each and after the start.
  const char* launcher = std::getenv("PARALLELRUN_LAUNCHER");
  const std::string_view chosen = launcher != nullptr ? launcher : "";
  if (!chosen.empty() && chosen != "embedded" && chosen != "python") {
    std::fprintf(stderr,
                 "parallelrun: PARALLELRUN_LAUNCHER is '%s', but must be 'embedded' or 'python'; correct it "
                 "or unset it\n",
                 presentable(launcher).c_str());
    return kExitInvalid;
  }
  const ReadSpec read = read_spec(command.manifest, command.overrides);
  if (!read.spec) return kExitInvalid;

  LocalOverrides overrides;
  if (!read_directories("--input", command.inputs, overrides.inputs) ||
      !read_directories("--side-input", command.side_inputs, overrides.side_inputs)) {
    return kExitInvalid;
  }
  if (!command.source_directory.empty()) overrides.source_directory = command.source_directory;
  if (!command.output.empty()) overrides.output = command.output;
  overrides.environment_names = environment_names();

  LocalResolution resolution = resolve(*read.spec, overrides, command.manifest);
  if (!resolution.ok()) {
    print_problems(resolution.problems, command.manifest);
    return kExitInvalid;
  }
  make_python_path_absolute();
  LaunchOptions options;
  options.job = std::move(resolution.job);
  options.manifest = command.manifest;
  options.program = command.program;
  options.overwrite = command.overwrite || options.job.spec.output.overwrite;
  options.retry_failed = command.retry_failed;
  options.display = display_mode(command);
  return launch(options);
}

int validate_command(const ValidateCommand& command) {
  const ReadSpec read = read_spec(command.manifest, command.overrides);
  if (!read.spec) return kExitInvalid;
  for (const std::string& note : notes_on(*read.spec)) {
    std::fprintf(stderr, "%s: note: %s\n", command.manifest.c_str(), note.c_str());
  }
  if (is_local(*read.spec)) {
    LocalOverrides here;
    here.environment_names = environment_names();
    for (const SpecProblem& problem : resolve(*read.spec, here, command.manifest).problems) {
      std::fprintf(stderr, "%s: warning: `parallelrun run` would refuse this here: %s\n",
                   presentable(command.manifest).c_str(), to_string(problem).c_str());
    }
  }
  std::printf("%s: the ParallelRunJob '%s' is valid\n", presentable(command.manifest).c_str(),
              read.spec->name.c_str());
  return kExitComplete;
}

}  // namespace parallelrun
