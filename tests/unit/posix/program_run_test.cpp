// What is hard about it (a program that hangs, floods, or leaves children) is tested where it is used:
// exec_credential.
#include "common/posix/program_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;

ProgramRun shell(const std::string& script) {
  ProgramRun run;
  run.program = "sh";
  run.arguments = {"-c", script};
  run.environment = {"WORD=given"};
  run.time_limit = 60s;
  return run;
}

TEST(ProgramRun, ANameIsLookedUpAndOutputsAreKeptApart) {
  const auto outcome = run_program(shell("echo $WORD; echo bad >&2; exit 7"));
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->output, "given\n");
  EXPECT_EQ(outcome->errors, "bad\n");
  EXPECT_EQ(outcome->exit_code, 7);
}

TEST(ProgramRun, ASignalIsAnExitCode) {
  EXPECT_EQ(run_program(shell("kill -TERM $$"))->exit_code, 128 + SIGTERM);
}

TEST(ProgramRun, OfErrorsTheEndIsKept) {
  const auto outcome = run_program(shell("yes x | head -c 100000 >&2; echo the last >&2"));
  EXPECT_EQ(outcome->errors.size(), 2000U);
  EXPECT_THAT(outcome->errors, EndsWith("the last\n"));
}

TEST(ProgramRun, OneThatIsNotThereIsNotTriedAgain) {
  ProgramRun missing = shell("");
  missing.program = "no-such-program";
  const auto outcome = run_program(missing);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(outcome.error().retryable);
  EXPECT_THAT(outcome.error().message, HasSubstr("'no-such-program'"));
}

TEST(ProgramRun, OneThatMayNotBeRunMayBeLater) {
  const test::TemporaryDirectory folder;
  ProgramRun closed = shell("");
  closed.program = folder.write("closed");
  const auto outcome = run_program(closed);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, ErrorCode::kIo);
  EXPECT_TRUE(outcome.error().retryable);
}

}  // namespace
}  // namespace parallelrun
