#include "runner/cli/run_command.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/spec/manifest.h"
#include "runner/cli/launcher.h"
#include "runner/job/local_resolution.h"
#include "runner/plan/glob.h"

namespace parallelrun {

namespace {

void print_problems(const std::vector<SpecProblem>& problems, const std::string& manifest) {
  for (const SpecProblem& problem : problems) {
    std::fprintf(stderr, "%s\n", to_string(problem, manifest).c_str());
  }
}

struct ReadSpec {
  std::optional<JobSpec> spec;  // empty: what is wrong has been printed
};

ReadSpec read_spec(const std::string& manifest, const std::vector<std::string>& overrides) {
  const auto text = read_manifest_file(manifest);
  if (!text) {
    std::fprintf(stderr, "parallelrun: %s\n", text.error().message.c_str());
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
      std::fprintf(stderr, "parallelrun: %s '%s': expected NAME=DIR\n", option, value.c_str());
      return false;
    }
    if (!into.emplace(value.substr(0, sign), value.substr(sign + 1)).second) {
      std::fprintf(stderr, "parallelrun: %s '%s': given twice\n", option, value.substr(0, sign).c_str());
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

DisplayMode display_mode(const RunCommand& command) {
  if (command.quiet) return DisplayMode::kQuiet;
  return command.json ? DisplayMode::kJson : display_mode_for(STDERR_FILENO);
}

}  // namespace

int run_command(const RunCommand& command) {
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
  LaunchOptions options;
  options.job = std::move(resolution.job);
  options.manifest = command.manifest;
  options.program = command.program;
  options.overwrite = command.overwrite || options.job.spec.output.overwrite;
  options.display = display_mode(command);
  return launch(options);
}

int validate_command(const ValidateCommand& command) {
  const ReadSpec read = read_spec(command.manifest, command.overrides);
  if (!read.spec) return kExitInvalid;
  std::printf("%s: a valid ParallelRunJob '%s'\n", command.manifest.c_str(), read.spec->name.c_str());
  return kExitComplete;
}

}  // namespace parallelrun
