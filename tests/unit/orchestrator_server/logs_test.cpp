// The log tree on a real directory, and the texts that are made for it.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "runner/orchestrator/server/error_summary.h"
#include "runner/orchestrator/server/log_tree.h"
#include "runner/orchestrator/server/log_writer.h"
#include "runner/orchestrator/server/overview.h"

namespace parallelrun::orchestrator {
namespace {

namespace fs = std::filesystem;

class LogFiles : public testing::Test {
 protected:
  LogFiles() {
    std::string name = (fs::temp_directory_path() / "logs-XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~LogFiles() override { fs::remove_all(root_); }

  std::string read(const std::string& path) const {
    std::ifstream in(root_ / "logs" / path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  LogTree::Options options() const {
    LogTree::Options o;
    o.directory = (root_ / "logs").string();
    return o;
  }

  fs::path root_;
};

TEST(LogPaths, AgentsMayWriteToTheirOwnKindsOfFilesOnly) {
  for (const char* path :
       {"sys/node/127.0.0.1/process000.txt", "user/stdout/10.0.0.7/process001.stdout.txt", "user/stderr/a/b",
        "user/entry_script_log/fe80--1/process000.log.txt", "perf/127.0.0.1/os/2024013112/processes_05"}) {
    EXPECT_TRUE(agent_may_log_to(path)) << path;
  }
  for (const std::string path :
       {"", "perf", "perf/", "/perf/a", "perf//a", "perf/../sys/master_role.txt", "perf/./a", "perf/a/..",
        "sys/master_role.txt", "user/error.txt", "user/error/x.txt", "job_progress_overview.txt", "../out",
        "user/stdout/a\nb", "perf/1/2/3/4/5/6/7/8"}) {
    EXPECT_FALSE(agent_may_log_to(path)) << path;
  }
  EXPECT_FALSE(agent_may_log_to(std::string("perf/a\0b", 8)));
  EXPECT_FALSE(agent_may_log_to("perf/" + std::string(201, 'a')));
}

TEST_F(LogFiles, AppendsAcrossRestartsAndRotatesAtTheCap) {
  LogTree::Options o = options();
  o.file_cap = 10;
  {
    LogTree tree(o);
    ASSERT_TRUE(tree.append("user/stdout/n/p.txt", "12345\n").ok());
  }
  LogTree tree(o);
  ASSERT_TRUE(tree.append("user/stdout/n/p.txt", "678\n").ok());
  EXPECT_EQ(read("user/stdout/n/p.txt"), "12345\n678\n");  // exactly the cap
  ASSERT_TRUE(tree.append("user/stdout/n/p.txt", "9").ok());
  EXPECT_EQ(read("user/stdout/n/p.txt"), "9");
  EXPECT_EQ(read("user/stdout/n/p.txt.1"), "12345\n678\n");
  ASSERT_TRUE(tree.append("user/stdout/n/p.txt", "0123456789abc").ok());
  EXPECT_EQ(read("user/stdout/n/p.txt"), "3456789abc");
}

TEST_F(LogFiles, ManyFilesWithFewDescriptors) {
  LogTree::Options o = options();
  o.max_open = 3;
  LogTree tree(o);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 20; ++i)
      ASSERT_TRUE(tree.append("perf/" + std::to_string(i), std::to_string(round)).ok());
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(read("perf/" + std::to_string(i)), "012");
}

TEST_F(LogFiles, LinksAndPipesInTheTreeAreRefused) {
  fs::create_directories(root_ / "outside");
  fs::create_directories(root_ / "logs/user");
  fs::create_directory_symlink(root_ / "outside", root_ / "logs/user/stdout");
  fs::create_directories(root_ / "logs/perf");
  std::ofstream(root_ / "victim") << "precious";
  fs::create_symlink(root_ / "victim", root_ / "logs/perf/link");
  ASSERT_EQ(mkfifo((root_ / "logs/perf/pipe").c_str(), 0600), 0);
  LogTree tree(options());
  for (const char* path : {"user/stdout/p.txt", "perf/link", "perf/pipe"}) {
    const Status s = tree.append(path, "x");
    ASSERT_FALSE(s.ok()) << path;
    EXPECT_EQ(s.error().code, ErrorCode::kInvalidArgument) << s.error().message;
  }
  EXPECT_TRUE(fs::is_empty(root_ / "outside"));
  EXPECT_EQ(fs::file_size(root_ / "victim"), 8U);
}

TEST_F(LogFiles, WriterKeepsOrderAndTellsWhatItCouldNotWrite) {
  {
    LogWriter::Options o{options(), 100};
    LogWriter writer(o);
    writer.append("perf/too-large", std::string(101, 'x'));
    EXPECT_EQ(writer.losses().bytes, 101U);
    for (int i = 0; i < 5; ++i) writer.append("perf/a", std::to_string(i));
    writer.replace("overview.txt", "first");
    writer.replace("overview.txt", "second");
  }
  EXPECT_EQ(read("perf/a"), "01234");
  EXPECT_EQ(read("overview.txt"), "second");
  EXPECT_FALSE(fs::exists(root_ / "logs/perf/too-large"));
}

ScriptError value_error(const std::string& message) {
  return {ErrorPhase::kRun, "ValueError", message, "Traceback ...\nValueError: " + message};
}

TEST(ErrorSummaryText, AlikeErrorsAreOneGroup) {
  ErrorSummary summary;
  EXPECT_EQ(summary.text(), "");
  const ErrorSummary::Occurrence at{"2024-01-31T12:00:00Z", "agent000 process001 pid 7",
                                    "mini-batch 3, try 1 of 3"};
  const auto first = summary.add(value_error("no digit in '/data/a/1.png' at 17"), at);
  const auto second = summary.add(value_error("no digit in '/data/b/2.png' at 170"), at);
  const auto other = summary.add({ErrorPhase::kInit, "KeyError", "model", ""}, at);
  ASSERT_TRUE(first && second && other);
  EXPECT_EQ(first->path, second->path);
  EXPECT_NE(first->path, other->path);
  EXPECT_TRUE(first->path.starts_with("user/error/run-ValueError-")) << first->path;
  EXPECT_NE(second->text.find("170"), std::string::npos);
  const std::string text = summary.text();
  EXPECT_TRUE(text.starts_with("3 errors of 2 kinds\n\n2 x in run: ValueError: no digit")) << text;
  EXPECT_NE(text.find("1 x in init: KeyError: model"), std::string::npos) << text;
  EXPECT_NE(text.find("tracebacks: logs/" + first->path), std::string::npos);
}

TEST(ErrorSummaryText, IsBounded) {
  ErrorSummary summary({.groups = 2, .tracebacks = 3, .traceback_bytes = 1'000'000});
  int kept = 0;
  for (int i = 0; i < 10; ++i) kept += summary.add(value_error("x"), {}).has_value() ? 1 : 0;
  EXPECT_EQ(kept, 3);
  EXPECT_TRUE(summary.add({ErrorPhase::kRun, "B", "", ""}, {}).has_value());
  EXPECT_FALSE(summary.add({ErrorPhase::kRun, "C", "", ""}, {}).has_value());
  EXPECT_NE(summary.text().find("1 x further kinds"), std::string::npos) << summary.text();
  ErrorSummary small({.groups = 5, .tracebacks = 5, .traceback_bytes = 10});
  EXPECT_FALSE(small.add(value_error("x"), {}).has_value());
}

TEST(ErrorSummaryText, NamesFromTheScriptCannotLeaveTheFolder) {
  ErrorSummary summary;
  const auto kept = summary.add({ErrorPhase::kRun, "../../etc/passwd", "m", ""}, {});
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->path.find(".."), std::string::npos) << kept->path;
}

TEST(OverviewText, TimeLeftFollowsTodaysSpeed) {
  Progress p;
  p.planned = 100;
  p.plan_complete = true;
  p.counts.succeeded = 40;
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  EXPECT_EQ(time_left(p, 20, milliseconds(10'000)), seconds(30));  // 20 in 10 s, 60 to go
  EXPECT_EQ(time_left(p, 40, milliseconds(10'000)), std::nullopt);
  p.counts.succeeded = 100;
  EXPECT_EQ(time_left(p, 20, milliseconds(10'000)), seconds(0));
  p.plan_complete = false;
  EXPECT_EQ(time_left(p, 20, milliseconds(10'000)), std::nullopt);
}

TEST(OverviewText, FailureComesFirstWithWhereToLook) {
  const Overview overview("digits", "2024-01-31T12:00:00Z", 0);
  JobResult result;
  result.state = JobState::kFailed;
  result.reason = JobReason::kErrorThresholdExceeded;
  result.message = "11 failed items, errorThreshold is 10";
  result.first_errors = {value_error("bad digit")};
  const std::string text =
      overview.text("2024-01-31T12:01:00Z", std::chrono::milliseconds(60'000), {}, result);
  EXPECT_TRUE(
      text.starts_with("Result: Failed (ErrorThresholdExceeded)\n11 failed items, errorThreshold is 10\n"
                       "First error: ValueError: bad digit\nWhere to look next: logs/user/error.txt"))
      << text;
  EXPECT_NE(overview.text("t", std::chrono::milliseconds(1), {}, std::nullopt).find("not known yet"),
            std::string::npos);
}

}  // namespace
}  // namespace parallelrun::orchestrator
