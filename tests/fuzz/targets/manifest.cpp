// Any text as a manifest. An accepted one is written, and reads back the same. A refusal has few and short
// messages, which a terminal can show.
#include "common/spec/manifest.h"

#include "common/json/json.h"
#include "common/spec/utf8.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

void check_problems(const ParsedSpec& parsed) {
  HOLDS(parsed.problems.size() <= Problems::kMost);
  for (const SpecProblem& problem : parsed.problems) {
    const std::string text = to_string(problem);
    HOLDS(!problem.message.empty());
    HOLDS_ELSE(text, is_utf8(text));
    HOLDS_ELSE(text, text.size() < 4096);
    for (const char c : problem.message) {
      HOLDS_ELSE(text, static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
    }
  }
}

FUZZ_TARGET(manifest) {
  const ParsedSpec parsed = parse_manifest(bytes);
  check_problems(parsed);
  ParseOptions cluster;
  cluster.place = Place::kCluster;
  const ParsedSpec there = parse_manifest(bytes, cluster);
  check_problems(there);
  HOLDS(!there.ok() || parsed.ok());
  if (!parsed.ok()) return;

  const nlohmann::json written = to_json(parsed.spec);
  const ParsedSpec again = parse_manifest_document(written);
  HOLDS_ELSE(written.dump(), again.ok() && again.spec == parsed.spec);
  // Its text is JSON, and so YAML as well.
  const std::string text = written.dump();
  const ParsedSpec as_json = parse_manifest(text);
  HOLDS_ELSE(text, as_json.ok() && as_json.spec == parsed.spec);
}

}  // namespace
}  // namespace parallelrun
