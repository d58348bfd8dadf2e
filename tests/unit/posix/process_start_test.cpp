#include "common/posix/process_start.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>

#include <array>
#include <csignal>

namespace parallelrun {
namespace {

using testing::HasSubstr;

// What the child writes to its standard output, and how it ended.
struct Ended {
  std::string output;
  int status = 0;
};

Ended run(ProcessStart& start, const std::vector<std::string>& argv,
          const std::vector<std::string>* environment) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  start.duplicate(ends[1], STDOUT_FILENO);
  auto child = start.start(argv, environment);
  ::close(ends[1]);
  Ended ended;
  if (!child) {
    ADD_FAILURE() << child.error().message;
  } else {
    char byte = 0;
    while (::read(ends[0], &byte, 1) == 1) ended.output.push_back(byte);
    pollfd watched{child->pidfd.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&watched, 1, 10'000), 1);
    EXPECT_EQ(::waitpid(child->pid, &ended.status, 0), child->pid);
  }
  ::close(ends[0]);
  return ended;
}

TEST(ProcessStart, GivesDirectoryEnvironmentAndAGroupOfItsOwn) {
  ProcessStart start;
  start.working_directory("/usr");
  const std::vector<std::string> environment{"WORD=given"};
  const Ended ended = run(start, {"/bin/sh", "-c", "pwd; echo $WORD; exit 7"}, &environment);
  EXPECT_EQ(ended.output, "/usr\ngiven\n");
  EXPECT_EQ(WEXITSTATUS(ended.status), 7);
}

TEST(ProcessStart, SignalsThatWeIgnoreOrBlockAreNotTheChilds) {
  auto* const before = std::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked;
  sigset_t old;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &old);
  ProcessStart start;
  const Ended ignored = run(start, {"/bin/sh", "-c", "kill -PIPE $$; exit 0"}, nullptr);
  const Ended held_back = run(start, {"/bin/sh", "-c", "kill -TERM $$; exit 0"}, nullptr);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  std::signal(SIGPIPE, before);
  EXPECT_EQ(ignored.status, SIGPIPE);
  EXPECT_EQ(held_back.status, SIGTERM);
}

TEST(ProcessStart, WhatWeIgnoreIsIgnoredByTheChildThatIsToKeepIt) {
  auto* const before = std::signal(SIGHUP, SIG_IGN);
  EXPECT_TRUE(is_ignored(SIGHUP));
  ProcessStart start;
  start.keep_ignored(SIGHUP);
  start.keep_ignored(SIGTERM);
  const Ended hung_up = run(start, {"/bin/sh", "-c", "kill -HUP $$; exit 3"}, nullptr);
  const Ended ended = run(start, {"/bin/sh", "-c", "kill -TERM $$; exit 3"}, nullptr);
  std::signal(SIGHUP, before);
  EXPECT_EQ(WEXITSTATUS(hung_up.status), 3);
  EXPECT_EQ(ended.status, SIGTERM);
}

TEST(ProcessStart, AMissingProgramOrDirectoryIsNamed) {
  const auto missing = ProcessStart().start({"/nowhere/program"}, nullptr);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("'/nowhere/program'"));
  ProcessStart elsewhere;
  elsewhere.working_directory("/nowhere/at/all");
  const auto no_directory = elsewhere.start({"/bin/true"}, nullptr);
  ASSERT_FALSE(no_directory);
  EXPECT_THAT(no_directory.error().message, HasSubstr("in '/nowhere/at/all'"));
}

TEST(SignalName, IsTheFamiliarOneOrTheNumber) {
  EXPECT_EQ(signal_name(SIGSEGV), "SIGSEGV");
  EXPECT_EQ(signal_name(777), "signal 777");
}

}  // namespace
}  // namespace parallelrun
