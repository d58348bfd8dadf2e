#include "runner/job/submission.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/json/json.h"

namespace parallelrun {
namespace {

using nlohmann::json;

ResolvedJob with_secrets() {
  ResolvedJob job;
  job.spec.entry_script = "score.py";
  job.spec.arguments = {"--from", "https://me:hunter2@example.org/x", "--plain"};
  job.spec.environment.variables = {{"API/TOKEN", "hunter2"}, {"THREADS", "1"}};
  job.input_directories = {{"images", "/data/images"}};
  job.source_directory = "/code";
  return job;
}

TEST(Submission, HasNoSecret) {
  const json kept = submission_of(with_secrets(), {"/m/job.yaml", {{"images", "/keys"}}, "", "/data/out"});
  EXPECT_EQ(kept.dump().find("hunter2"), std::string::npos) << kept.dump();
  EXPECT_EQ(kept["spec"]["spec"]["arguments"][2], "--plain");
  EXPECT_EQ(kept["inputs"]["images"], "/data/images");
  EXPECT_EQ(kept["credentials"]["images"], "/keys");
  EXPECT_EQ(kept["resubmissionOf"], "/data/out");
  EXPECT_EQ(still_withheld(kept["spec"], kept["withheld"]),
            (std::vector<std::string>{"spec.arguments[1]", "spec.environment.variables.API/TOKEN",
                                      "spec.environment.variables.THREADS"}));
}

TEST(Submission, WhatWasWithheldComesFromTheManifestThatStillHasIt) {
  const json kept = submission_of(with_secrets(), {});
  json manifest = json::parse(R"({"spec": {"arguments": ["--from", "https://me:hunter2@example.org/x"],
                                  "environment": {"variables": {"API/TOKEN": "hunter2", "THREADS": "2"}}}})");
  json spec = kept["spec"];
  EXPECT_EQ(put_back_withheld(spec, kept["withheld"], manifest),
            std::vector<std::string>{"spec.environment.variables.THREADS"});  // another value now
  EXPECT_EQ(spec["spec"]["arguments"][1], "https://me:hunter2@example.org/x");
  EXPECT_EQ(spec["spec"]["environment"]["variables"]["API/TOKEN"], "hunter2");
  spec = kept["spec"];
  EXPECT_EQ(put_back_withheld(spec, kept["withheld"], json()).size(), 3U);
}

TEST(Submission, ARowDoesNotDependOnHowItsItemWasPutTogether) {
  const json before = json::parse(R"({"miniBatchSize": 10, "nodeCount": 1, "runMaxTry": 3, "arguments": [],
                                      "output": {"order": "input"}})");
  json now = before;
  now["miniBatchSize"] = 20;
  now["nodeCount"] = 2;
  now.erase("output");
  EXPECT_EQ(settings_of_items(before), settings_of_items(now));
  now["output"]["format"] = "csv";
  EXPECT_NE(settings_of_items(before), settings_of_items(now));
  now = before;
  now["arguments"] = {"--x"};
  EXPECT_NE(settings_of_items(before), settings_of_items(now));
  EXPECT_TRUE(settings_of_items(json()).is_null());
}

}  // namespace
}  // namespace parallelrun
