// Lines of --set, an empty line, a manifest. An assignment that takes place does so again without a change,
// one that is refused leaves a problem that names it, and those before it count.
#include "common/spec/overrides.h"

#include <span>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/spec/document.h"
#include "common/spec/manifest.h"
#include "common/spec/utf8.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

FUZZ_TARGET(overrides) {
  fuzz::Draw draw(bytes);
  std::vector<std::string> assignments;
  while (!draw.empty() && assignments.size() < 16) {
    const std::string_view line = draw.line();
    if (line.empty()) break;
    assignments.emplace_back(line);
  }
  const std::string_view manifest = draw.rest();

  Problems problems;
  nlohmann::json document = parse_document(manifest, ManifestFormat::kAuto, problems).root;
  for (const std::string& assignment : assignments) {
    Problems own;
    const auto applied = apply_overrides(document, std::span(&assignment, 1), own);
    HOLDS_ELSE(assignment, applied.size() == (own.empty() ? 1 : 0));
    for (const SpecProblem& problem : own.list()) {
      HOLDS_ELSE(to_string(problem), is_option(problem) && is_utf8(to_string(problem)));
    }
    if (applied.empty()) continue;
    nlohmann::json twice = document;
    Problems none;
    apply_overrides(twice, std::span(&assignment, 1), none);
    HOLDS_ELSE(assignment, none.empty() && twice == document);
  }

  ParseOptions options;
  options.overrides = assignments;
  const ParsedSpec parsed = parse_manifest(manifest, options);
  for (const SpecProblem& problem : parsed.problems) HOLDS(is_utf8(to_string(problem)));
  // The document with everything applied says the same as the text with its options.
  if (parsed.ok()) HOLDS(parse_manifest_document(document).spec == parsed.spec);
}

}  // namespace
}  // namespace parallelrun
