// Each field of the table, changed: it is read, it is written, and it is as much a part of the job's identity
// as the table says.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/spec/fields.h"
#include "common/spec/manifest.h"

namespace parallelrun {
namespace {

constexpr std::string_view kFiles =
    "apiVersion: parallelrun.dev/v1alpha1\n"
    "kind: ParallelRunJob\n"
    "metadata: {name: abc}\n"
    "spec:\n"
    "  sourceDirectory: {hostPath: {path: /c}}\n"
    "  entryScript: a.py\n"
    "  inputs: [{name: a, source: {hostPath: {path: /d}}}]\n"
    "  sideInputs: [{name: s, source: {hostPath: {path: /s}}}]\n"
    "  output: {source: {hostPath: {path: /o}}}\n";

JobSpec parsed(FieldOf of, const std::vector<std::string>& assignments) {
  ParseOptions options;
  if (of != FieldOf::kAll) options.overrides = {"inputs[0].type=tabular"};
  options.overrides.insert(options.overrides.end(), assignments.begin(), assignments.end());
  ParsedSpec read = parse_manifest(kFiles, options);
  for (const SpecProblem& problem : read.problems) ADD_FAILURE() << to_string(problem);
  return read.spec;
}

std::string another_word(const FieldFacts& facts) {
  for (const std::string& word : facts.words) {
    if (facts.otherwise != word) return word;
  }
  return {};
}

// A value other than the default; empty: the field has others inside, which are changed instead.
std::string another_value(const FieldFacts& facts) {
  // What no type says.
  static const std::map<std::string, std::string> own = {
      {"inputs[].type", "tabular"},
      {"inputs[].format", "jsonl"},
      {"inputs[].columns", "{x: string}"},
      {"inputs[].delimiter", ";"},
      {"inputs[].quote", "'`'"},
      {"inputs[].escape", "!"},
      {"inputs[].comment", "'#'"},
      {"sideInputs[].mountPath", "/tmp/s"},
      {"environment.variables", "{A: b}"},
      {"environment.env", "[{name: B, value: c}]"},
      {"inputs[].pathPattern", "'{x}/*'"},
      {"miniBatchSize", "77"},
      {"orchestrator", "{labels: {a: b}}"},
      {"worker", "{labels: {a: b}}"},
  };
  if (const auto found = own.find(facts.path); found != own.end()) return found->second;
  if (facts.type == "boolean") return facts.otherwise == true ? "false" : "true";
  if (facts.type == "integer" || facts.type == "seconds" || facts.type == "number") return "77";
  if (facts.type == "word") return another_word(facts);
  if (facts.type == "string") return "other";
  if (facts.type == "strings") return "[other]";
  if (facts.type == "character") return "^";
  if (facts.type == "size") return "7Gi";
  if (facts.type == "source") return "{hostPath: {path: /other}}";
  return {};
}

// What else has to be set, where the field does not stand alone.
std::vector<std::string> beside(const FieldFacts& facts) {
  if (facts.path == "inputs[].columnNames") return {"inputs[0].header=false"};
  if (facts.path == "environment.wheels") return {"environment.requirements=[x]"};
  if (facts.path == "output.columns") return {"inputs[0].type=tabular"};
  return {};
}

bool has_others_inside(const FieldFacts& facts) {
  for (const FieldFacts& other : fields_of_spec()) {
    if (other.path.starts_with(facts.path + ".") || other.path.starts_with(facts.path + "[].")) return true;
  }
  return false;
}

TEST(FieldTable, EachFieldIsReadWrittenAndIdentifiesAsItSays) {
  for (const FieldFacts& facts : fields_of_spec()) {
    SCOPED_TRACE(facts.path);
    const std::string value = another_value(facts);
    if (value.empty()) {
      EXPECT_TRUE(has_others_inside(facts)) << "this test knows no value for the type " << facts.type;
      continue;
    }
    std::string path = facts.path;
    if (const std::size_t list = path.find("[]"); list != std::string::npos) path.replace(list, 2, "[0]");
    std::vector<std::string> assignments = beside(facts);
    const JobSpec before = parsed(facts.of, assignments);
    assignments.push_back(path + "=" + value);
    const JobSpec after = parsed(facts.of, assignments);
    EXPECT_NE(before, after) << "nobody reads it";
    EXPECT_EQ(parse_manifest_document(to_json(after)).spec, after) << "it is not written";
    const auto identifies = [&](Identity least) {
      return identifying_fields(before, least) != identifying_fields(after, least);
    };
    EXPECT_EQ(identifies(Identity::kJob), facts.identity == Identity::kJob);
    EXPECT_EQ(identifies(Identity::kStart), facts.identity != Identity::kNone);
  }
}

TEST(FieldTable, ADefaultThatIsWrittenOutIsTheSameJob) {
  for (const FieldFacts& facts : fields_of_spec()) {
    if (facts.otherwise.is_null() || facts.type == "strings") continue;
    SCOPED_TRACE(facts.path);
    std::string path = facts.path;
    if (const std::size_t list = path.find("[]"); list != std::string::npos) path.replace(list, 2, "[0]");
    EXPECT_EQ(parsed(facts.of, {path + "=" + facts.otherwise.dump()}), parsed(facts.of, {}));
  }
}

TEST(FieldTable, PathsAreUniqueAndSayWhatTheyAre) {
  std::set<std::string> paths;
  for (const FieldFacts& facts : fields_of_spec()) {
    EXPECT_TRUE(paths.insert(facts.path).second) << facts.path;
    EXPECT_FALSE(facts.about.empty()) << facts.path;
    EXPECT_FALSE(facts.since.empty()) << facts.path;
  }
  EXPECT_GE(paths.size(), 56U);
}

}  // namespace
}  // namespace parallelrun
