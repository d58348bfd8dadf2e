// How a start ends: the finished event, the exit code, and who gets a last word.
#include "runner/orchestrator/server/ending.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallelrun::orchestrator {
namespace {

using testing::HasSubstr;
using testing::Not;

Error error_of(ErrorCode code) { return Error{code, "the message", false}; }

struct Row {
  Ending ending;
  const char* state;
  const char* reason;
  int code;
};

TEST(Ending, EachErrorHasItsReasonAndItsExitCode) {
  const Row rows[] = {
      {refused(error_of(ErrorCode::kInvalidArgument)), "Failed", "Refused", 2},
      {refused(error_of(ErrorCode::kConflict)), "Failed", "Refused", 2},
      {refused(error_of(ErrorCode::kNoSpace)), "Failed", "OutputFailed", 1},
      {cannot_go_on(error_of(ErrorCode::kConflict)), "Failed", "Refused", 2},
      {cannot_go_on(error_of(ErrorCode::kCorrupt)), "Failed", "OutputFailed", 1},
      {cannot_go_on(error_of(ErrorCode::kIo)), "Failed", "OutputFailed", 1},
      // A successor has the directory, or somebody has removed it: at whatever point that was noticed.
      {refused(error_of(ErrorCode::kAborted)), "Interrupted", "TakenOver", 1},
      {cannot_go_on(error_of(ErrorCode::kAborted)), "Interrupted", "TakenOver", 1},
      {gone(error_of(ErrorCode::kAborted)), "Interrupted", "TakenOver", 1},
      {cannot_go_on(error_of(ErrorCode::kNotFound)), "Failed", "OutputRemoved", 1},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.ending.event.dump());
    EXPECT_EQ(row.ending.event.at("state"), row.state);
    EXPECT_EQ(row.ending.event.at("reason"), row.reason);
    EXPECT_EQ(row.ending.event.at("message"), "the message");
    EXPECT_EQ(row.ending.code, row.code);
    EXPECT_EQ(row.ending.said, "the message");
    EXPECT_FALSE(row.ending.last_word) << "the logs are not ours";
  }
}

TEST(Ending, AFailedWriteSaysHowToGoOn) {
  const Ending full = output_failed(error_of(ErrorCode::kNoSpace), {});
  EXPECT_EQ(full.event.at("reason"), "OutputFailed");
  EXPECT_THAT(full.said, HasSubstr("free space"));
  EXPECT_THAT(full.said, HasSubstr("start the same job again"));
  ASSERT_TRUE(full.last_word);
  EXPECT_EQ(full.last_word->alert, full.said);
  EXPECT_FALSE(full.last_word->result) << "the job itself has not come to an end";
  // Starting again cannot mend what somebody has changed.
  const Ending changed = output_failed(error_of(ErrorCode::kCorrupt), {});
  EXPECT_THAT(changed.said, Not(HasSubstr("start the same job again")));
}

TEST(Ending, WhatIsDecidedHasItsExitCode) {
  Progress progress;
  progress.planned = 7;
  JobResult result;
  for (const auto& [state, code] : {std::pair(JobState::kComplete, 0), std::pair(JobState::kFailed, 1),
                                    std::pair(JobState::kInterrupted, 130)}) {
    result.state = state;
    const Ending ending = decided(result, progress);
    EXPECT_EQ(ending.code, code);
    EXPECT_EQ(ending.event.at("state"), to_string(state));
    EXPECT_EQ(ending.event.at("miniBatchesCreated"), 7);
    EXPECT_EQ(ending.said, "");
  }
  const Ending stopped = decided(std::nullopt, progress);
  EXPECT_EQ(stopped.code, 130);
  EXPECT_THAT(std::string(stopped.event.at("message")), HasSubstr("stopped at once"));
}

TEST(Ending, ACompleteJobIsNothingToDoOrJudgedAgain) {
  JobResult result;
  result.message = "all are processed";
  EXPECT_EQ(complete_before(result).event.at("reason"), "AlreadyComplete");
  EXPECT_EQ(complete_before(result).code, 0);
  EXPECT_FALSE(complete_before(result).last_word) << "its logs end with how it ended";
  result.state = JobState::kFailed;
  EXPECT_EQ(judged_again(result).code, 1);
  EXPECT_EQ(judged_again(result).said, "all are processed");
  EXPECT_TRUE(judged_again(result).last_word);
}

}  // namespace
}  // namespace parallelrun::orchestrator
