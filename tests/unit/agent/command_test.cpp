// Real child processes, run one after the other on one loop.
#include "runner/agent/command.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace parallelrun::agent {
namespace {

CommandRequest shell(const std::string& words) {
  return {PARALLELRUN_EXEC, {"/bin/sh", "-c", words}, {"PATH=/usr/bin:/bin"}, {}, {}};
}

TEST(Command, TellsHowItEndedAndWhatItSaid) {
  boost::asio::io_context io;
  std::vector<CommandEnd> ends;
  const auto keep = [&](CommandEnd end) { ends.push_back(std::move(end)); };
  run_command(io, shell("echo one; echo two >&2"), keep);
  io.run();
  io.restart();
  run_command(io, shell("exit 3"), keep);
  io.run();
  io.restart();
  run_command(io, shell("kill -9 $$"), keep);
  io.run();
  ASSERT_EQ(ends.size(), 3U);
  EXPECT_TRUE(ends[0].succeeded);
  EXPECT_EQ(ends[0].output, "one\ntwo\n");
  EXPECT_FALSE(ends[1].succeeded);
  EXPECT_EQ(ends[1].words, "the process ended by itself with exit status 3");
  EXPECT_EQ(ends[2].words, "the process was killed by SIGKILL (Killed)");
}

// The loop takes a bundle of news from the kernel at once. What the second of them is about may be closed by
// the first one's handler, and another watched in its place: that one has no news.
TEST(Command, NewsOfOneIsNotTakenForTheEndOfTheNext) {
  boost::asio::io_context io;
  std::vector<CommandEnd> ends;
  // It ends, and what it left behind writes before the loop looks again.
  run_command(io, shell("setsid sh -c 'sleep 0.05; echo late; sleep 5' & sleep 0.01"), [&](CommandEnd end) {
    ends.push_back(std::move(end));
    run_command(io, shell("sleep 0.1"), [&](CommandEnd next) { ends.push_back(std::move(next)); });
  });
  io.poll();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  io.run();
  ASSERT_EQ(ends.size(), 2U);
  EXPECT_EQ(ends[0].words, "the process ended by itself with exit status 0");
  EXPECT_EQ(ends[1].words, "the process ended by itself with exit status 0");
}

}  // namespace
}  // namespace parallelrun::agent
