// The log tree on a real directory, and the texts that are made for it.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "runner/orchestrator/server/error_summary.h"
#include "runner/orchestrator/server/job_logs.h"
#include "runner/orchestrator/server/log_tree.h"
#include "runner/orchestrator/server/log_writer.h"
#include "runner/orchestrator/server/overview.h"
#include "runner/orchestrator/server/run_orchestrator.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun::orchestrator {
namespace {

namespace fs = std::filesystem;

class LogFiles : public testing::Test {
 protected:
  std::string read(const std::string& path) const { return directory_.read("logs/" + path); }
  LogTree::Options options() const {
    LogTree::Options o;
    o.directory = (root_ / "logs").string();
    return o;
  }

  const test::TemporaryDirectory directory_;
  const fs::path& root_ = directory_.path();
};

TEST(LogPaths, AgentsMayWriteToTheirOwnKindsOfFilesOnly) {
  for (const char* path : {"sys/node/127.0.0.1/process000.txt", "user/stdout/10.0.0.7/process001.stdout.txt",
                           "user/stderr/a/b", "user/entry_script_log/fe80--1/process000.log.txt",
                           "user/metrics/10.0.0.7/process000", "perf/127.0.0.1/os/2024013112/processes_05"}) {
    EXPECT_TRUE(agent_may_log_to(path)) << path;
  }
  for (const std::string path :
       {"", "perf", "perf/", "/perf/a", "perf//a", "perf/../sys/master_role.txt", "perf/./a", "perf/a/..",
        "sys/master_role.txt", "user/error.txt", "user/error/x.txt", "user/metrics.jsonl",
        "job_progress_overview.txt", "../out", "user/stdout/a\nb", "perf/1/2/3/4/5/6/7/8"}) {
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

TEST_F(LogFiles, OnAFullDiskTheNewTextIsWrittenOverTheOldOne) {
  std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  LogTree tree(options());
  ASSERT_TRUE(tree.replace("overview.txt", std::string(3000, 'o')).ok());
  struct rlimit little = before;
  little.rlim_cur = 4096;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &little), 0);
  const Status written = tree.replace("overview.txt", "Warning: full\n" + std::string(5000, 'n'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::kNoSpace);
  EXPECT_EQ(read("overview.txt"), "Warning: full\n" + std::string(4096 - 14, 'n'));
  EXPECT_FALSE(fs::exists(root_ / "logs/.overview.txt.new")) << "it would take the room";
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
    LogWriter::Options o{options(), 1000};  // a piece costs more than its bytes
    LogWriter writer(o);
    writer.append("perf/too-large", std::string(1000, 'x'));
    EXPECT_EQ(writer.losses().bytes, 1000U);
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

TEST(ErrorSummaryText, AllShortfallsAreOneGroup) {
  ErrorSummary summary;
  for (std::uint64_t i = 0; i < 1000; ++i) summary.add(shortfall_error({i}, "files", 2 + i, i % 2), {});
  const std::string text = summary.text();
  EXPECT_TRUE(
      text.starts_with("1000 errors of 1 kind\n\n1000 x in result: Shortfall: run() returned 0 elements "
                       "for 2 items (mini-batch 0 of input 'files'); fewer elements than items count as "
                       "failed\n"))
      << text;
}

TEST(ErrorSummaryText, LongMessagesAreWholeInTheTracebacksOnly) {
  ErrorSummary summary;
  const std::string message = "\x1b[31m" + std::string(5000, 'x') + "END";
  const auto bare = summary.add({ErrorPhase::kRun, "Bare", message, ""}, {});
  const auto traced = summary.add({ErrorPhase::kRun, "Traced", message, "Traceback\nTraced: " + message}, {});
  ASSERT_TRUE(bare && traced);
  for (const std::string& text : {bare->text, traced->text}) {
    const std::size_t at = text.find(message);
    ASSERT_NE(at, std::string::npos);
    EXPECT_EQ(text.find(message, at + 1), std::string::npos) << "once";
  }
  EXPECT_NE(summary.text().find("xxxEND\n"), std::string::npos) << "the cause stands at the end";
  EXPECT_EQ(summary.text().find('\x1b'), std::string::npos);
  EXPECT_NE(summary.text().find("xxx […] xxx"), std::string::npos);
}

TEST(ErrorSummaryText, IsBounded) {
  ErrorSummary summary({.groups = 2, .tracebacks = 3, .traceback_bytes = 1'000'000});
  int kept = 0;
  for (int i = 0; i < 10; ++i) kept += summary.add(value_error("x"), {}).has_value() ? 1 : 0;
  EXPECT_EQ(kept, 3);
  EXPECT_TRUE(summary.add({ErrorPhase::kRun, "B", "", ""}, {}).has_value());
  EXPECT_FALSE(summary.add({ErrorPhase::kRun, "C", "", ""}, {}).has_value());
  EXPECT_NE(summary.text().find("1 x other kinds"), std::string::npos) << summary.text();
  ErrorSummary small({.groups = 5, .tracebacks = 5, .traceback_bytes = 10});
  EXPECT_FALSE(small.add(value_error("x"), {}).has_value());
}

TEST(ErrorSummaryText, NamesFromTheScriptCannotLeaveTheFolder) {
  ErrorSummary summary;
  const auto kept = summary.add({ErrorPhase::kRun, "../../etc/passwd", "m", ""}, {});
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->path.find(".."), std::string::npos) << kept->path;
}

TEST_F(LogFiles, AWarningLogHoldsWhatTheJobWasAndHowItEnded) {
  {
    JobLogs logs({.directory = (root_ / "logs").string(),
                  .job_name = "digits",
                  .input_names = {},
                  .level = LoggingLevel::kWarning});
    logs.note("job 'digits', run 1");
    logs.on_agent_came({1, "agent000", "127.0.0.1", 2});
    JobResult result;
    result.message = "all 3 mini-batches are processed";
    logs.finish({}, result);
  }
  const std::string text = read("sys/master_role.txt");
  EXPECT_NE(text.find("info    job 'digits', run 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("info    result: Complete: all 3 mini-batches are processed\n"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("agent000"), std::string::npos) << text;
}

TEST_F(LogFiles, ColumnTypesAndShortfallsAreToldInWords) {
  {
    JobLogs logs({.directory = (root_ / "logs").string(), .job_name = "digits", .input_names = {"s", "t"}});
    logs.on_types_decided({1, R"({"input":1,"types":{"a":"float64","b":"string"}})"});
    AttemptResult result;
    result.process = "process001";
    for (std::uint64_t i = 0; i < 1000; ++i)
      logs.on_shortfall({1, "agent000", "n", 1}, result, shortfall_error({i}, "t", 2, 1));
    logs.finish({}, std::nullopt);
  }
  const std::string text = read("sys/master_role.txt");
  EXPECT_NE(text.find("column types of input 't': a float64, b string\n"), std::string::npos) << text;
  EXPECT_NE(text.find("agent000 process001: Shortfall: run() returned 1 element for 2 items"),
            std::string::npos);
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 500) << "told with a bound";
  EXPECT_TRUE(read("user/error.txt").starts_with("1000 errors of 1 kind\n"));
}

TEST(RunOrchestrator, ARefusalIsSaidAsByTheCommandThatTheUserTyped) {
  testing::internal::CaptureStderr();
  OrchestratorOptions options;
  options.job_file = "/no/such/job.json";
  EXPECT_EQ(run_orchestrator(options), 2);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "parallelrun: job file '/no/such/job.json' cannot be read\n");
}

TEST(OverviewText, AFailedListingIsOver) {
  const Overview overview("digits", "t", 0);
  JobResult result;
  result.state = JobState::kFailed;
  result.reason = JobReason::kPlanFailed;
  const std::string text = overview.text("t", std::chrono::milliseconds(1), {}, result);
  EXPECT_NE(text.find("Mini-batches created:   0\n"), std::string::npos) << text;
  EXPECT_NE(overview.text("t", std::chrono::milliseconds(1), {}, std::nullopt).find("still being listed"),
            std::string::npos);
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

TEST(OverviewText, WarningsStay) {
  Overview overview("digits", "t", 0);
  overview.add_warning("one column");
  EXPECT_TRUE(overview.text("t", std::chrono::milliseconds(1), {}, std::nullopt)
                  .starts_with("Warning: one column\n"));
  const std::string ended = overview.text("t", std::chrono::milliseconds(1), {}, JobResult{});
  EXPECT_TRUE(ended.starts_with("Result: Complete"));
  EXPECT_NE(ended.find("\nWarning: one column\n"), std::string::npos);
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
