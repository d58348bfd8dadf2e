#include "runner/web/followed_logs.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace parallelrun::web {
namespace {

constexpr const char* kPath = "user/stdout/node000/process000.txt";

// Until it is not followed any more.
FollowedLog until_over(FollowedLogs& logs) {
  std::vector<FollowedLog> asked(1);
  asked.front().job = "a";
  asked.front().path = kPath;
  for (int look = 0; look < 2000; ++look) {
    logs.follow(asked);
    if (!asked.front().follows) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_FALSE(asked.front().follows) << asked.front().words;
  return asked.front();
}

TEST(FollowedLogs, OneThatHasEndedIsReadFromWhatIsKept) {
  FollowedLogs logs({std::make_shared<Places>(), "one"},
                    [](const std::string&, const std::string&, const FollowedLogs::Reader& reader, auto&) {
                      EXPECT_TRUE(reader.take("at 0 6\nhello\nend\n"));
                      return FollowedLogs::Over{"done", true};
                    });
  EXPECT_EQ(until_over(logs).words, "done");
  const auto piece = logs.piece("a", kPath, LogRange{});
  ASSERT_TRUE(piece);
}

TEST(FollowedLogs, OneThatBrokeOffIsNotTheLogAnyMore) {
  FollowedLogs logs({std::make_shared<Places>(), "one"},
                    [](const std::string&, const std::string&, const FollowedLogs::Reader& reader, auto&) {
                      EXPECT_TRUE(reader.take("at 0 6\nhello\n"));
                      return FollowedLogs::Over{"its pod is gone"};
                    });
  EXPECT_EQ(until_over(logs).words, "its pod is gone");
  EXPECT_FALSE(logs.piece("a", kPath, LogRange{})) << "it has grown since";
}

}  // namespace
}  // namespace parallelrun::web
