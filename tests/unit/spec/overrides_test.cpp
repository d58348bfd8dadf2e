#include "common/spec/overrides.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/spec/manifest.h"

namespace parallelrun {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::string_view kManifest =
    "apiVersion: parallelrun.dev/v1alpha1\n"
    "kind: ParallelRunJob\n"
    "metadata: {name: abc}\n"
    "spec:\n"
    "  entryScript: /a.py\n"
    "  miniBatchSize: 10\n"
    "  inputs: [{name: a, source: {hostPath: {path: /d}}}]\n"
    "  output: {source: {hostPath: {path: /o}}}\n";

ParsedSpec with(std::vector<std::string> overrides) {
  ParseOptions options;
  options.overrides = std::move(overrides);
  return parse_manifest(kManifest, options);
}

std::string problem_of(std::vector<std::string> overrides) {
  const ParsedSpec parsed = with(std::move(overrides));
  return parsed.problems.size() == 1 ? to_string(parsed.problems[0])
                                     : std::to_string(parsed.problems.size()) + " problems";
}

TEST(Overrides, ReachEveryDepth) {
  const ParsedSpec parsed =
      with({"miniBatchSize=20", "spec.nodeCount=3", "metadata.name=other", "environment.variables.X=\"1\"",
            "environment.variables[\"a.b\"]=c=d", "inputs[0].glob=**/*.png", "arguments=[--x, \"1\"]",
            "loggingLevel=DEBUG", "nodeCount=4"});
  for (const SpecProblem& problem : parsed.problems) ADD_FAILURE() << to_string(problem);
  EXPECT_EQ(parsed.spec.mini_batch_size, 20U);
  EXPECT_EQ(parsed.spec.node_count, 4) << "the last one wins";
  EXPECT_EQ(parsed.spec.name, "other");
  EXPECT_EQ(parsed.spec.environment.variables,
            (std::map<std::string, std::string>{{"X", "1"}, {"a.b", "c=d"}}));
  EXPECT_EQ(parsed.spec.inputs[0].glob, "**/*.png");
  EXPECT_EQ(parsed.spec.arguments, (std::vector<std::string>{"--x", "1"}));
}

TEST(Overrides, NullTakesAwayAndNothingIsEmpty) {
  EXPECT_EQ(with({"miniBatchSize=null"}).spec.mini_batch_size, 10U);
  EXPECT_EQ(with({"environment.variables.X="}).spec.environment.variables.at("X"), "");
}

TEST(Overrides, AProblemIsTheOptionsNotALineOfTheFile) {
  const ParsedSpec parsed = with({"miniBatchSize=20", "inputs[0].name=7", "miniBatchSize=x"});
  ASSERT_EQ(parsed.problems.size(), 2U);
  for (const SpecProblem& problem : parsed.problems) EXPECT_EQ(problem.line, 0);
  EXPECT_THAT(to_string(parsed.problems[1], "job.yaml"),
              testing::StartsWith("--set 'miniBatchSize=x': spec.miniBatchSize: "));
  EXPECT_THAT(to_string(parsed.problems[0], "job.yaml"),
              testing::StartsWith("--set 'inputs[0].name=7': spec.inputs[0].name: "));
  // What it has not touched stays the file's.
  ParseOptions options;
  options.overrides = {"nodeCount=2"};
  const ParsedSpec other = parse_manifest(std::string(kManifest) + "  runMaxTry: 0\n", options);
  ASSERT_EQ(other.problems.size(), 1U);
  EXPECT_THAT(to_string(other.problems[0], "job.yaml"), testing::StartsWith("job.yaml:9: spec.runMaxTry: "));
}

TEST(Overrides, AreHeldToTheSameRules) {
  EXPECT_THAT(problem_of({"miniBatchSise=10"}), HasSubstr("did you mean 'miniBatchSize'?"));
  EXPECT_THAT(problem_of({"nodeCount=0"}), HasSubstr("spec.nodeCount: 0 is out of range"));
  EXPECT_THAT(problem_of({"entryScript=null"}),
              HasSubstr("--set 'entryScript=null': spec.entryScript: is required"));
  EXPECT_THAT(problem_of({"nodeCount=\"2\""}), HasSubstr("found the string '2'"));
}

TEST(Overrides, MistakesNameTheOption) {
  EXPECT_THAT(problem_of({"nodeCount"}), HasSubstr("--set 'nodeCount': write FIELD=VALUE"));
  EXPECT_THAT(problem_of({"=1"}), HasSubstr("write FIELD=VALUE"));
  EXPECT_THAT(problem_of({"a..b=1"}), HasSubstr("--set 'a..b=1': a field name is missing at character 3"));
  EXPECT_THAT(problem_of({"inputs[1].glob=x"}), HasSubstr("spec.inputs has 1 item, so there is no [1]"));
  EXPECT_THAT(problem_of({"inputs.glob=x"}), HasSubstr("spec.inputs is a list, which has no field 'glob'"));
  EXPECT_THAT(problem_of({"entryScript[0]=x"}),
              HasSubstr("spec.entryScript is the string '/a.py', not a list"));
  EXPECT_THAT(problem_of({"arguments=[a"}), HasSubstr("--set 'arguments=[a': "));
  EXPECT_THAT(problem_of({"entryScript=\xff"}), HasSubstr("--set 'entryScript=\\xff': is not UTF-8"));
  EXPECT_THAT(problem_of({"nodeCount=.inf"}),
              HasSubstr("--set 'nodeCount=.inf': '.inf' is a number that JSON cannot hold"));
}

TEST(Overrides, NullWhereNoFieldCanBeIsAMistakeToo) {
  EXPECT_THAT(problem_of({"entryScript.x=null"}),
              HasSubstr("spec.entryScript is the string '/a.py', which has no field 'x'"));
  EXPECT_THAT(problem_of({"inputs.glob=null"}),
              HasSubstr("spec.inputs is a list, which has no field 'glob'"));
  EXPECT_EQ(problem_of({"environment.variables.X=null"}), "0 problems");
  // What could not be applied is not given as applied.
  json document = {{"spec", {{"inputs", json::array()}}}};
  for (const char* assignment : {"inputs[0].glob=null", "inputs.glob=null", "inputs.glob.x=null"}) {
    Problems problems;
    const std::vector<std::string> overrides = {assignment};
    EXPECT_TRUE(apply_overrides(document, overrides, problems).empty()) << assignment;
    EXPECT_EQ(problems.size(), 1U) << assignment;
  }
}

TEST(Overrides, OnADocumentThatIsNoObject) {
  json document = json::array();
  Problems problems;
  const std::vector<std::string> overrides = {"nodeCount=1"};
  apply_overrides(document, overrides, problems);
  EXPECT_EQ(problems.size(), 1U);
}

}  // namespace
}  // namespace parallelrun
