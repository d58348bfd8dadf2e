#include "runner/cli/manifest_argument.h"

#include <unistd.h>

#include <cstdio>
#include <string_view>
#include <utility>

#include "common/spec/manifest_text.h"
#include "common/text/presentable.h"
#include "runner/cli/screen.h"
#include "runner/input/glob.h"

namespace parallelrun {

void print_problems(const std::vector<SpecProblem>& problems, const std::string& manifest) {
  for (const SpecProblem& problem : problems) {
    const std::string words = to_string(problem, manifest);
    if (is_option(problem)) {
      complain(words);
    } else {
      std::fprintf(stderr, "%s\n", words.c_str());
    }
  }
}

std::optional<ReadManifest> read_spec(const std::string& manifest,
                                      const std::vector<std::string>& overrides) {
  const auto text = read_manifest_file(manifest);
  if (!text) {
    complain(text.error().message);
    return std::nullopt;
  }
  return read_spec(*text, manifest, overrides);
}

std::optional<ReadManifest> read_spec(const std::string& text, const std::string& manifest,
                                      const std::vector<std::string>& overrides,
                                      const std::string& code_folder) {
  ParseOptions options;
  options.overrides = overrides;
  auto [parsed, document] = parse_manifest_text(text, options, code_folder);
  if (!parsed.ok()) {
    print_problems(parsed.problems, manifest);
    return std::nullopt;
  }
  if (print_broken_globs(parsed.spec, manifest)) return std::nullopt;
  return ReadManifest{std::move(parsed.spec), std::move(document)};
}

bool print_broken_globs(const JobSpec& spec, const std::string& manifest) {
  std::vector<SpecProblem> globs;
  for (std::size_t i = 0; i < spec.inputs.size(); ++i) {
    const auto glob = Glob::compile(spec.inputs[i].glob);
    if (!glob) globs.push_back({"spec.inputs[" + std::to_string(i) + "].glob", glob.error().message, 0});
  }
  print_problems(globs, manifest);
  return !globs.empty();
}

std::set<std::string> environment_names() {
  std::set<std::string> names;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    names.emplace(text.substr(0, text.find('=')));
  }
  return names;
}

}  // namespace parallelrun
