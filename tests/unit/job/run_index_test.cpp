#include "runner/job/run_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Index : public testing::Test {
 protected:
  std::string at(const std::string& name) const { return (directory_.path() / name).string(); }

  FinishedRun run(const std::string& output, const std::string& finished, int size = 10) const {
    directory_.write(output + "/.parallelrun/journal", "x");
    return {at(output), "job", finished, {{"miniBatchSize", size}}, "identity", "contents", "journal"};
  }

  RunIndex opened() const {
    auto index = RunIndex::open(at("state/runs"));
    EXPECT_TRUE(index.ok());
    return std::move(*index);
  }

  std::vector<std::string> outputs(const std::vector<FinishedRun>& runs) const {
    std::vector<std::string> names;
    for (const FinishedRun& one : runs) names.push_back(fs::path(one.output).filename().string());
    return names;
  }

  const test::TemporaryDirectory directory_;
  std::vector<std::string> problems_;
};

TEST_F(Index, GivesTheNewestRunWithTheSameSettingsFirst) {
  RunIndex index = opened();
  ASSERT_TRUE(index.add(run("a", "2026-01-01T00:00:00Z")));
  ASSERT_TRUE(index.add(run("b", "2026-01-02T00:00:00Z")));
  ASSERT_TRUE(index.add(run("c", "2026-01-03T00:00:00Z", 20)));
  const std::string key = run("a", "").key();
  EXPECT_THAT(outputs(index.with_key(key, problems_)), ElementsAre("b", "a"));
  EXPECT_THAT(outputs(index.all(problems_)), ElementsAre("c", "b", "a"));
  EXPECT_THAT(problems_, IsEmpty());
  struct stat info{};
  ASSERT_EQ(::stat(at("state/runs").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
}

TEST_F(Index, KnowsOneRunOfAnOutputDirectory) {
  RunIndex index = opened();
  ASSERT_TRUE(index.add(run("a", "2026-01-01T00:00:00Z")));
  ASSERT_TRUE(index.add(run("a", "2026-01-02T00:00:00Z", 20)));
  EXPECT_THAT(outputs(index.all(problems_)), ElementsAre("a"));
  EXPECT_EQ(index.all(problems_).front().finished, "2026-01-02T00:00:00Z");
  index.forget(at("a"));
  EXPECT_THAT(index.all(problems_), IsEmpty());
}

TEST_F(Index, PassesOverWhatIsDamagedAndSaysSo) {
  RunIndex index = opened();
  ASSERT_TRUE(index.add(run("a", "2026-01-01T00:00:00Z")));
  const fs::path file = fs::directory_iterator(at("state/runs"))->path();
  ASSERT_TRUE(index.add(run("b", "2026-01-02T00:00:00Z")));
  std::fstream(file, std::ios::in | std::ios::out).seekp(40).put('#');
  EXPECT_THAT(outputs(index.all(problems_)), ElementsAre("b"));
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("is damaged or cannot be read")));
}

TEST_F(Index, RemovesRunsWhoseOutputIsGone) {
  RunIndex index = opened();
  ASSERT_TRUE(index.add(run("a", "2026-01-01T00:00:00Z")));
  fs::remove_all(at("a"));
  EXPECT_THAT(index.all(problems_), IsEmpty());
  EXPECT_TRUE(fs::is_empty(at("state/runs")));
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(Index, StaysWithinItsBound) {
  RunIndex index = opened();
  directory_.write("state/runs/old.json", "{}");
  fs::last_write_time(at("state/runs/old.json"), fs::file_time_type::clock::now() - std::chrono::hours(1));
  for (std::size_t i = 0; i < RunIndex::kMost; ++i)
    directory_.write("state/runs/" + std::to_string(i) + ".json", "{}");
  ASSERT_TRUE(index.add(run("a", "2026-01-01T00:00:00Z")));
  EXPECT_FALSE(fs::exists(at("state/runs/old.json")));
  EXPECT_THAT(outputs(index.with_key(run("a", "").key(), problems_)), ElementsAre("a"));
}

TEST_F(Index, ADirectoryThatOthersMayWriteToIsRefused) {
  fs::create_directories(at("state/runs"));
  ::chmod(at("state/runs").c_str(), 0777);
  const auto index = RunIndex::open(at("state/runs"));
  ASSERT_FALSE(index.ok());
  EXPECT_EQ(index.error().code, ErrorCode::kConflict);
}

TEST_F(Index, ManyMayAddAtOnce) {
  RunIndex index = opened();
  std::vector<FinishedRun> runs;
  for (int i = 0; i < 8; ++i) runs.push_back(run("o" + std::to_string(i), "2026-01-01T00:00:00Z"));
  std::vector<std::thread> threads;
  for (const FinishedRun& one : runs) {
    threads.emplace_back([this, one] {
      RunIndex own = opened();
      for (int i = 0; i < 20; ++i) EXPECT_TRUE(own.add(one));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(index.all(problems_).size(), runs.size());
  EXPECT_THAT(problems_, IsEmpty());
}

}  // namespace
}  // namespace parallelrun
