#include "runner/web/directory_verbs.h"

#include <gtest/gtest.h>

namespace parallelrun::web {
namespace {

using report::RunState;

DirectoryFacts facts_of(RunState state) {
  DirectoryFacts facts;
  facts.output = "/data/my results";
  facts.state = state;
  facts.no_run = "no run works in this directory";
  facts.submission = {{"manifest", "/data/job.yaml"}, {"spec", {{"spec", {{"entryScript", "a.py"}}}}}};
  if (report::at_work(state)) facts.run = 12;
  return facts;
}

std::string why(const DirectoryFacts& facts, const char* verb) {
  return directory_verbs(facts)[verb]["why"].get<std::string>();
}

TEST(DirectoryVerbs, AButtonThatIsOffNamesTheCommandThatDoesIt) {
  const DirectoryFacts running = facts_of(RunState::kRunning);
  EXPECT_EQ(
      why(running, "suspend"),
      "a run of this machine is not suspended: cancel it (`kill -INT 12`); `parallelrun run /data/job.yaml "
      "--output '/data/my results'` goes on from what was committed");
  EXPECT_EQ(
      why(running, "scale"),
      "a run of this machine keeps its nodes: cancel it (`kill -INT 12`); `parallelrun run /data/job.yaml "
      "--output '/data/my results' --set nodeCount=N` goes on with others");
  EXPECT_EQ(why(running, "resubmit"),
            "the job is at work: cancel it (`kill -INT 12`), or wait for its end; `parallelrun resubmit "
            "'/data/my results'` makes it anew then");
  const DirectoryFacts interrupted = facts_of(RunState::kInterrupted);
  EXPECT_EQ(
      why(interrupted, "resume"),
      "a page goes on with no run: `parallelrun run /data/job.yaml --output '/data/my results'` does, from "
      "what was committed");
  const DirectoryFacts complete = facts_of(RunState::kComplete);
  EXPECT_EQ(why(complete, "resume"),
            "the job has ended (Complete): `parallelrun resubmit '/data/my results'` makes it anew");
  EXPECT_EQ(why(complete, "cancel"), "no run works in this directory");
}

TEST(DirectoryVerbs, AManifestOfStandardInputHasNoName) {
  DirectoryFacts facts = facts_of(RunState::kInterrupted);
  facts.submission["manifest"] = "";
  EXPECT_NE(why(facts, "resume").find("`parallelrun run MANIFEST --output"), std::string::npos);
}

TEST(DirectoryVerbs, CancelNeedsARun) {
  DirectoryFacts facts = facts_of(RunState::kRunning);
  const nlohmann::ordered_json interrupt = {{"allowed", true}, {"why", ""}, {"command", "kill -INT 12"}};
  EXPECT_EQ(directory_verbs(facts)["cancel"], interrupt);
  facts.ignores_interrupt = true;
  EXPECT_EQ(directory_verbs(facts)["cancel"]["command"], "kill -TERM 12");
  // It runs on another machine.
  facts.run = 0;
  EXPECT_FALSE(directory_verbs(facts)["cancel"]["allowed"]);
  EXPECT_NE(why(facts, "resubmit").find("cancel it where it runs"), std::string::npos);
}

TEST(DirectoryVerbs, WhatHasEndedIsMadeAnewWithOtherSettings) {
  DirectoryFacts facts = facts_of(RunState::kComplete);
  facts.submission["spec"]["spec"] = {{"miniBatchSize", "10MB"}, {"runMaxTry", 3}, {"errorThreshold", 1}};
  const auto verb = directory_verbs(facts)["resubmit"];
  EXPECT_EQ(verb["command"], "parallelrun resubmit '/data/my results'");
  EXPECT_FALSE(verb.contains("note"));
  ASSERT_EQ(verb["fields"].size(), 6U);
  EXPECT_EQ(verb["fields"][0], nlohmann::ordered_json({{"name", "miniBatchSize"}, {"value", "10MB"}}));
  EXPECT_EQ(verb["fields"][1], nlohmann::ordered_json({{"name", "nodeCount"}, {"value", ""}}));
  EXPECT_EQ(verb["fields"][5], nlohmann::ordered_json({{"name", "runMaxTry"}, {"value", "3"}}));
  facts.submission["spec"]["spec"]["partitionKeys"] = {"store"};
  EXPECT_EQ(directory_verbs(facts)["resubmit"]["fields"].size(), 5U) << "the keys say what a mini-batch is";
}

TEST(DirectoryVerbs, OnlyWhatFailedIsTriedAgain) {
  DirectoryFacts facts = facts_of(RunState::kFailed);
  EXPECT_EQ(why(facts, "retryFailed"),
            "nothing has failed; `parallelrun resubmit '/data/my results'` makes the job anew");
  facts.failed = 1;
  EXPECT_TRUE(directory_verbs(facts)["retryFailed"]["allowed"]);
  EXPECT_FALSE(directory_verbs(facts)["retryFailed"].contains("fields"));
}

TEST(DirectoryVerbs, SayWhereTheJobsPythonIsMissing) {
  DirectoryFacts facts = facts_of(RunState::kComplete);
  facts.python = "Python 3.11.2 of /usr";
  facts.python_of_job = facts.python;
  EXPECT_FALSE(directory_verbs(facts)["resubmit"].contains("note"));
  facts.python_of_job = "Python 3.12.1 of /venv";
  EXPECT_NE(directory_verbs(facts)["resubmit"]["note"].get<std::string>().find(
                "ran with Python 3.12.1 of /venv, but this page was started with Python 3.11.2 of /usr"),
            std::string::npos);
  facts.no_python = "there is no python3";
  EXPECT_EQ(why(facts, "resubmit"),
            "there is no python3; `parallelrun resubmit '/data/my results'` makes it anew where the job's "
            "Python is");
}

TEST(DirectoryVerbs, ResubmissionTakesTheSixSettingsAlone) {
  const auto words = resubmit_words("/out", {{"set", {{"miniBatchSize", "10 MB"}, {"nodeCount", "2"}}}});
  ASSERT_TRUE(words);
  EXPECT_EQ(*words, (std::vector<std::string>{"resubmit", "/out", "--set", "miniBatchSize=10 MB", "--set",
                                              "nodeCount=2"}));
  EXPECT_EQ(resubmit_words("/out", nlohmann::json::object()).value().size(), 2U);
  for (const char* refused : {R"({"set": {"arguments": "x"}})", R"({"set": {"nodeCount": 2}})",
                              R"({"set": {"nodeCount": ""}})", R"({"set": {"nodeCount": "1\n2"}})"})
    EXPECT_EQ(resubmit_words("/out", nlohmann::json::parse(refused)).error().code,
              ErrorCode::kInvalidArgument)
        << refused;
}

TEST(DirectoryVerbs, WordsOfAShell) {
  EXPECT_EQ(shell_word("/data/out-2"), "/data/out-2");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("it's; $(x)"), "'it'\\''s; $(x)'");
  EXPECT_EQ(shell_word("~x"), "'~x'");
  EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace parallelrun::web
