#include "runner/pod/job_story.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallelrun {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

const JobStory::Time kStart{1h};

json progress(std::uint64_t done) {
  return {{"event", "progress"},  {"miniBatchesCreated", 100U}, {"miniBatchesProcessed", done},
          {"planComplete", true}, {"itemsSucceeded", done},     {"itemsFailed", 0U},
          {"agents", 2U},         {"processesReady", 4U}};
}

TEST(JobStory, ProgressIsToldEverySoOften) {
  JobStory story(kStart, "results");
  EXPECT_THAT(story.lines(progress(1), kStart + 15s - 1ns), IsEmpty());
  EXPECT_THAT(story.lines(progress(2), kStart + 15s), ElementsAre(HasSubstr("2 of 100 mini-batches (2%)")));
  EXPECT_THAT(story.lines(progress(3), kStart + 16s), IsEmpty());
  EXPECT_THAT(story.lines(progress(2), kStart + 60s), IsEmpty()) << "nothing has changed";
  EXPECT_THAT(story.lines(progress(4), kStart + 31min), ElementsAre(HasSubstr("4 of 100")));
  EXPECT_THAT(story.lines(progress(5), kStart + 32min), IsEmpty());
}

TEST(JobStory, ErrorsNameWhereTheyAre) {
  JobStory story(kStart, "results");
  EXPECT_THAT(
      story.lines({{"event", "error"},
                   {"agent", "worker-1"},
                   {"process", "process000"},
                   {"phase", "run"},
                   {"error", "ValueError: a\nb"},
                   {"miniBatch", 7U},
                   {"tries", 3U},
                   {"final", true},
                   {"last", false}},
                  kStart),
      ElementsAre("warning: worker-1 process000, mini-batch 7, try 3 (the last) in run: ValueError: a b"));
}

TEST(JobStory, TheEndSaysWhereToLook) {
  JobStory story(kStart, "digits/rows.txt in the volume of spec.output");
  const auto lines = story.lines({{"event", "finished"},
                                  {"state", "Failed"},
                                  {"reason", "ErrorThresholdExceeded"},
                                  {"message", "11 items failed"},
                                  {"firstError", "ValueError: x"},
                                  {"itemsFailed", 11U},
                                  {"output", "/out/rows.txt"},
                                  {"logs", "/out/logs"}},
                                 kStart);
  EXPECT_THAT(lines,
              ElementsAre("Failed (ErrorThresholdExceeded): 11 items failed", "first error: ValueError: x",
                          "results: digits/rows.txt in the volume of spec.output",
                          HasSubstr("failed_items.jsonl"), HasSubstr("logs/user/error.txt")));
}

TEST(JobStory, TellsOfWarnings) {
  JobStory story(kStart, "");
  EXPECT_THAT(story.lines({{"event", "warning"}, {"message", "one column"}}, kStart),
              ElementsAre("warning: one column"));
}

TEST(JobStory, WhatItDoesNotKnowItPassesOver) {
  JobStory story(kStart, "");
  EXPECT_THAT(story.lines({{"event", "of a newer version"}}, kStart), IsEmpty());
  EXPECT_THAT(story.lines({{"event", 3}}, kStart), IsEmpty());
}

}  // namespace
}  // namespace parallelrun
