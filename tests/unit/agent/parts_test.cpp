// The pure parts around the core: logs, frames, configuration, figures of /proc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "common/json/json.h"
#include "runner/agent/log_streams.h"
#include "runner/agent/node_log.h"
#include "runner/agent/proc_files.h"
#include "runner/agent/python_environment.h"
#include "runner/agent/worker_config.h"
#include "runner/agent/worker_frames.h"
#include "runner/channel/hold_back.h"
#include "runner/wire/wire.h"

namespace parallelrun::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Time kStart = Time(std::chrono::hours(1));
constexpr std::size_t kAll = 1U << 30U;

TEST(LogBuffer, HoldsAPartialLineForASecond) {
  LogBuffer log("x", 1000);
  log.append("one\ntw", kStart);
  EXPECT_EQ(log.take(kStart, kAll, false), "one\n");
  EXPECT_EQ(log.take(kStart + seconds(1) - nanoseconds(1), kAll, false), "");
  EXPECT_EQ(log.take(kStart + seconds(1), kAll, false), "tw");
  log.append("o\nthr", kStart + seconds(2));
  EXPECT_EQ(log.take(kStart + seconds(2), kAll, true), "o\nthr");
}

TEST(LogBuffer, DropsWhatDoesNotFitAndSaysHowMuch) {
  LogBuffer log("x", 10);
  log.append("12345678\n", kStart);
  log.append("abcdef\n", kStart);
  log.append("not even this\n", kStart);
  EXPECT_EQ(log.take(kStart, kAll, false),
            "12345678\na\n[parallelrun: 20 bytes were dropped here: the stream grew faster than it could be "
            "sent]\n");
  log.append("on\n", kStart);
  EXPECT_EQ(log.take(kStart, kAll, false), "on\n");
}

TEST(LogBuffer, IsCutAtALineWhereItCanBe) {
  LogBuffer log("x", 1000);
  log.append("aaaa\nbbbb\ncccc\n", kStart);
  EXPECT_EQ(log.take(kStart, 12, false), "aaaa\nbbbb\n");
  EXPECT_EQ(log.take(kStart, 2, false), "cc");
}

TEST(LogBuffer, RecordsAreSentWholeOrNotAtAll) {
  LogBuffer log("x", 20, LogKind::kRecords);
  log.append("{\"a\":1}\n", kStart);
  log.append("{\"b\":2}\n", kStart);
  log.append("{\"c\":3}\n", kStart);  // more than fits
  log.append("{}\n", kStart);         // would fit, but would stand before the note
  EXPECT_EQ(log.take(kStart, 1, false), "{\"a\":1}\n") << "one at least, however small the share";
  EXPECT_EQ(log.take(kStart, 9, false), "{\"b\":2}\n");
  EXPECT_EQ(log.take(kStart, kAll, false), "{\"dropped\":2}\n");
  log.append("half", kStart);
  log.append("{\"d\":4}\n", kStart);
  EXPECT_EQ(log.take(kStart, kAll, false), "half\n{\"d\":4}\n") << "one message never runs into the next";
  EXPECT_EQ(log.take(kStart, kAll, true), "");
}

TEST(NodeLog, HasALineForPickUpAndDone) {
  LogStreams streams;
  NodeLog log(streams, "fd00::1", 1, LoggingLevel::kInfo);
  log.process_started(0, 77);
  Lease lease;
  lease.work = {5};
  lease.items = 10;
  AttemptResult result;
  result.work = {5};
  result.items = 10;
  result.returned = 8;
  result.pid = 77;
  result.started_unix_us = 1'700'000'000'000'001;
  result.duration_us = 2'500'000;
  result.process_time_us = 1'250'000;
  result.run_us = 2'000'000;
  log.picked_up(0, lease, result.started_unix_us);
  log.done(0, result, lease);
  EXPECT_EQ(
      streams.stream("sys/node/fd00--1/process000.txt").take(kStart, kAll, true),
      "2023-11-14T22:13:20.000001Z picked up mini-batch 5 (try 1); worker fd00::1 pid 77; items 10\n"
      "2023-11-14T22:13:22.500001Z done with mini-batch 5 (try 1): succeeded; worker fd00::1 pid 77; items "
      "10 in "
      "total, 8 succeeded, 2 failed; started 2023-11-14T22:13:20.000001Z, duration 2.500000 s, process time "
      "1.250000 s, run 2.000000 s\n");
}

TEST(NodeLog, ShowsOnlyFailuresAtWarning) {
  LogStreams streams;
  NodeLog log(streams, "10.0.0.1", 1, LoggingLevel::kWarning);
  AttemptResult result;
  log.picked_up(0, {}, 0);
  log.done(0, result, {});
  EXPECT_EQ(streams.waiting_bytes(), 0u);
  result.outcome = Outcome::kFailed;
  result.error.message = "first line\nsecond";
  log.done(0, result, {});
  EXPECT_THAT(streams.stream("sys/node/10.0.0.1/process000.txt").take(kStart, kAll, true),
              HasSubstr(": first line\\nsecond\n"));
}

TEST(Frames, AreCutOnlyWhenWhole) {
  std::string bytes;
  append_frame(bytes, channel::Frame::kReady, "{}");
  append_frame(bytes, channel::Frame::kBye, "");
  for (std::size_t size = 0; size < 7; ++size) {
    std::string_view part = std::string_view(bytes).substr(0, size);
    auto frame = next_frame(part);
    ASSERT_TRUE(frame.ok());
    EXPECT_FALSE(frame->has_value());
  }
  std::string_view all = bytes;
  EXPECT_EQ((*next_frame(all))->payload, "{}");
  EXPECT_EQ((*next_frame(all))->type, channel::Frame::kBye);
  EXPECT_TRUE(all.empty());
}

TEST(Frames, OfNoProcessAreRefused) {
  for (const std::string& bad : {std::string("\x01\x00\x00\x00\x03x", 6),
                                 std::string("\xff\xff\xff\xff\x12", 5), std::string("print(1)")}) {
    std::string_view bytes = bad;
    EXPECT_FALSE(next_frame(bytes).ok());
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{8}, std::size_t{55}}) {
    const std::string payload(size, 'x');
    EXPECT_FALSE(decode_result({channel::Frame::kResult, payload}).ok());
  }
  EXPECT_FALSE(decode_result({channel::Frame::kTypes, "12345678no json"}).ok());
  EXPECT_THAT(decode_script_error("no json", ErrorPhase::kInit).message, HasSubstr("no json"));
}

TEST(Frames, OfAFailureSayWhetherAnotherTryHelps) {
  const auto decoded = [](const std::string& json) {
    auto result = decode_result({channel::Frame::kFailed, std::string(48, '\0') + json});
    EXPECT_TRUE(result.ok());
    return std::move(result).value();
  };
  EXPECT_EQ(decoded(R"({"message": "m"})").outcome, Outcome::kFailed);
  EXPECT_EQ(decoded(R"({"message": "m", "permanent": false})").outcome, Outcome::kFailed);
  EXPECT_EQ(decoded(R"({"message": "m", "permanent": "yes"})").outcome, Outcome::kFailed);
  EXPECT_EQ(decoded(R"({"message": "m", "permanent": true})").outcome, Outcome::kFailedForGood);
  const AttemptResult result =
      decoded(R"({"message": "m", "permanent": true, "undecided": {"v": "string"}})");
  EXPECT_EQ(result.outcome, Outcome::kUndecided);
  EXPECT_EQ(result.rows, R"({"types":{"v":"string"}})");
  EXPECT_EQ(result.error.message, "m");
}

TEST(WorkerEnvironment, HasWhatTheJobSaysAndNothingOfTheAgentsOwn) {
  JobSpec spec;
  spec.environment.variables = {{"A", "job"}};
  spec.environment.env = nlohmann::json::parse(
      R"([{"name": "B", "value": "listed"}, {"name": "C", "valueFrom": {"secretKeyRef": {}}}, 5])");
  const VariablesOfAgent agent{
      {"A=agent", "C=from the pod", "PARALLELRUN_TLS_KEY=x", "CUDA_VISIBLE_DEVICES=3,5,8"},
      "/package",
      "/usr/bin/python3",
      false,
      {},
      0,
      6};
  EXPECT_THAT(
      worker_environment(spec, agent, 4).variables,
      ElementsAre("A=job", "B=listed", "C=from the pod", "CUDA_VISIBLE_DEVICES=5",
                  "PARALLELRUN_PYTHON_EXECUTABLE=/usr/bin/python3", "PARALLELRUN_PYTHON_PATH=/package"));
}

TEST(WorkerEnvironment, DealsTheGpusOfTheJobsVariablesOverAllAgentsOfTheMachine) {
  JobSpec spec;
  spec.environment.variables = {{"CUDA_VISIBLE_DEVICES", "0,1,2,3"}};
  VariablesOfAgent agent{{"CUDA_VISIBLE_DEVICES=9"}, "/package", "/usr/bin/python3", false, {}, 2, 4};
  const WorkerEnvironment second = worker_environment(spec, agent, 1);
  EXPECT_THAT(second.variables, testing::Contains("CUDA_VISIBLE_DEVICES=3"));
  ASSERT_EQ(second.gpus.size(), 1u);
}

TEST(WorkerEnvironment, InAPodTheKubeletHasTheLastWordAboutEnv) {
  JobSpec spec;
  spec.environment.variables = {{"A", "job"}};
  spec.environment.env = nlohmann::json::parse(
      R"([{"name": "ROOT", "value": "/data"}, {"name": "CACHE", "value": "$(ROOT)/c"}])");
  const VariablesOfAgent agent{
      {"A=agent", "ROOT=/data", "CACHE=/data/c"}, "/package", "/usr/bin/python3", true};
  EXPECT_TRUE(worker_environment(spec, agent, 0).gpus.empty());
  EXPECT_THAT(worker_environment(spec, agent, 0).variables,
              ElementsAre("A=job", "CACHE=/data/c", "PARALLELRUN_PYTHON_EXECUTABLE=/usr/bin/python3",
                          "PARALLELRUN_PYTHON_PATH=/package", "ROOT=/data"));
}

TEST(WorkerConfig, NamesTheOutputOnlyWhereItIsMounted) {
  ResolvedJob job;
  job.output_directory = "/out";
  const auto output = [&] {
    return nlohmann::json::parse(worker_config(job, "agent000", 0, "/logs"))["output_dir"];
  };
  EXPECT_TRUE(output().is_null());
  job.spec.arguments = {"$$(output)"};
  EXPECT_TRUE(output().is_null());
  job.spec.arguments = {"--to=$(output)/x"};
  EXPECT_EQ(output(), "/out");
}

TEST(WorkerConfig, TellsHowLongResultsMayBeHeldBack) {
  const channel::HoldBack rule;
  const auto told = nlohmann::json::parse(worker_config({}, "agent000", 0, "/logs"))["hold_back"];
  EXPECT_EQ(told, nlohmann::json({{"short_task_ns", rule.short_task_ns},
                                  {"short_tasks", rule.short_tasks},
                                  {"hold_ns", rule.hold_ns},
                                  {"hold_bytes", rule.hold_bytes}}));
}

TEST(ProcFiles, ReadWhatTheKernelWrites) {
  const ProcessFigures figures = parse_process_stat(
      "4242 (a (b) c) S 7 1 1 0 -1 4194560 1 0 0 0 30 12 0 0 20 0 3 0 100 8192000 250 18446744073709551615");
  EXPECT_EQ(figures.name, "a (b) c");
  EXPECT_EQ(figures.parent, 7u);
  EXPECT_EQ(figures.cpu_ticks, 42u);
  EXPECT_EQ(figures.threads, 3u);
  EXPECT_EQ(figures.virtual_bytes, 8192000u);
  EXPECT_EQ(figures.resident_pages, 250u);
  EXPECT_EQ(parse_process_stat("no such thing").name, "");
  EXPECT_EQ(parse_cpu_ticks("cpu  10 1 5 80 4 0 0 0 0 0\ncpu0 1 1 1 1\n").busy, 16u);
  EXPECT_EQ(parse_cpu_ticks("cpu  10 1 5 80 4 0 0 0 0 0\n").total, 100u);
  EXPECT_EQ(number_after("MemTotalHuge: 1 kB\nMemTotal:  17 kB\n", "MemTotal"), 17u);
  EXPECT_EQ(
      disk_usage_csv(
          "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 100 40 60 40% /a,b c\n", "T"),
      "T,/dev/x,\"/a,b c\",100,40,60\n");
}

TEST(EnvironmentHash, DependsOnPythonAndRequirementsButNotOnTheirOrder) {
  const PythonInfo python{"/usr/bin/python3", "3.11.2", "/usr", "/usr", {}};
  PythonInfo other = python;
  other.version = "3.11.3";
  const std::string hash = environment_hash(python, {"a", "b"}, "");
  EXPECT_EQ(hash, environment_hash(python, {"b", "a"}, ""));
  EXPECT_NE(hash, environment_hash(python, {"ab"}, ""));
  EXPECT_NE(hash, environment_hash(python, {"a"}, "b"));
  EXPECT_NE(hash, environment_hash(other, {"a", "b"}, ""));
}

}  // namespace
}  // namespace parallelrun::agent
