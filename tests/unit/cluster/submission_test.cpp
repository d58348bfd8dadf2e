#include "runner/cluster/submission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/files/temporary_directory.h"

namespace parallelrun::cluster {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

// As `parallelrun init` writes it.
json manifest() {
  return json::parse(R"({
    "apiVersion": "parallelrun.dev/v1alpha1", "kind": "ParallelRunJob", "metadata": {"name": "first"},
    "spec": {"sourceDirectory": {"local": {"path": "."}}, "entryScript": "score.py",
             "inputs": [{"name": "data", "type": "file", "source": {"local": {"path": "data"}}}],
             "output": {"source": {"local": {"path": "output"}}}, "outputAction": "append_row", "nodeCount": 1}})");
}

Claims claims() {
  Claims claims;
  claims.inputs = {{"data", "photos/2026/may"}};
  claims.output = "results";
  return claims;
}

TEST(Submission, TakesTheSameJobToACluster) {
  const test::TemporaryDirectory folder;
  folder.write("score.py");
  folder.write("data/a.txt");
  folder.write("output/old.txt");
  json text = manifest();
  text["spec"]["miniBatchSize"] = 10.0;  // of YAML: the API server wants 10
  const auto ready = submission(text, claims(), folder.path().string(), "", "team");
  ASSERT_TRUE(ready) << ready.error().message;
  ASSERT_TRUE(ready->problems.empty()) << to_string(ready->problems.front());
  const json& spec = ready->job["spec"];
  EXPECT_EQ(spec["inputs"][0]["source"],
            (json{{"persistentVolumeClaim", {{"claimName", "photos"}}}, {"subPath", "2026/may"}}));
  EXPECT_EQ(spec["output"]["source"], (json{{"persistentVolumeClaim", {{"claimName", "results"}}}}));
  EXPECT_EQ(spec["sourceDirectory"], (json{{"configMap", {{"name", "first-code"}}}}));
  EXPECT_EQ(spec["miniBatchSize"].dump(), "10");
  EXPECT_EQ(ready->job["metadata"]["namespace"], "team");
  ASSERT_TRUE(ready->code);
  EXPECT_EQ(ready->code->config_maps[0]["data"].size(), 1U);  // neither data nor output
}

TEST(Submission, WhatIsStillLocalNamesTheOption) {
  const test::TemporaryDirectory folder;
  folder.write("score.py");
  const auto ready = submission(manifest(), {}, folder.path().string(), "", "team");
  ASSERT_TRUE(ready);
  ASSERT_EQ(ready->problems.size(), 2U);
  EXPECT_THAT(to_string(ready->problems[0]),
              AllOf(HasSubstr("spec.inputs[0].source.local"), HasSubstr("--input NAME=CLAIM[/FOLDER]")));
  EXPECT_THAT(to_string(ready->problems[1]),
              AllOf(HasSubstr("spec.output.source.local"), HasSubstr("--output CLAIM[/FOLDER]")));
}

TEST(Submission, AnInputThatIsNotThereIsTheOptionsProblem) {
  Claims wrong = claims();
  wrong.inputs = {{"dta", "photos"}};
  const auto ready = submission(manifest(), wrong, ".", "", "team");
  ASSERT_TRUE(ready);
  EXPECT_THAT(to_string(ready->problems.front()),
              AllOf(HasSubstr("--input"), HasSubstr("did you mean 'data'?")));
}

TEST(Submission, AnotherNamespaceIsNotChangedInSilence) {
  json bound = manifest();
  bound["metadata"]["namespace"] = "mine";
  const auto ready = submission(bound, claims(), ".", "", "team");
  ASSERT_TRUE(ready);
  EXPECT_THAT(to_string(ready->problems.front()), HasSubstr("metadata.namespace: is 'mine'"));
}

TEST(Submission, CodeOnAVolumeStaysThere) {
  json there = manifest();
  there["spec"]["sourceDirectory"] = {{"persistentVolumeClaim", {{"claimName", "code"}}}};
  const auto ready = submission(there, claims(), ".", "", "team");
  ASSERT_TRUE(ready);
  ASSERT_TRUE(ready->problems.empty()) << to_string(ready->problems.front());
  EXPECT_FALSE(ready->code);
  EXPECT_EQ(ready->job["spec"]["sourceDirectory"], there["spec"]["sourceDirectory"]);
}

}  // namespace
}  // namespace parallelrun::cluster
