#include "runner/web/timeline.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "runner/web/process_line.h"
#include "runner/web/timeline_reader.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun::web {
namespace {

constexpr double kNoon = 1769860800;  // 2026-01-31T12:00:00Z

std::string time_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds);
  return fmt::format("2026-01-31T{:02}:{:02}:{:02}.{:06}Z", 12 + whole / 3600, whole / 60 % 60, whole % 60,
                     std::lround((seconds - static_cast<double>(whole)) * 1e6));
}

// `start`: seconds after noon.
std::string done_line(int mini_batch, double start, double duration, double run,
                      const std::string& outcome = "succeeded") {
  return fmt::format(
      "{} done with mini-batch {} (try 1): {}; worker 127.0.0.1 pid 7; items 10 in total, 10 succeeded, 0 "
      "failed; "
      "started {}, duration {:.6f} s, process time 0.000100 s, run {:.6f} s",
      time_text(start + duration), mini_batch, outcome, time_text(start), duration, run);
}
std::string picked_line(int mini_batch, double start) {
  return fmt::format("{} picked up mini-batch {} (try 1); worker 127.0.0.1 pid 7; items 10", time_text(start),
                     mini_batch);
}

TEST(ProcessLine, OfAMiniBatchThatIsDone) {
  const std::string text = done_line(12, 1.5, 0.25, 0.125);
  const auto line = process_line(text);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->kind, ProcessLine::Kind::kDone);
  EXPECT_EQ(line->mini_batch, "12");
  EXPECT_EQ(line->outcome, "succeeded");
  EXPECT_DOUBLE_EQ(line->started, kNoon + 1.5);
  EXPECT_DOUBLE_EQ(line->duration, 0.25);
  EXPECT_DOUBLE_EQ(line->run, 0.125);
  EXPECT_EQ(line->items, 10U);
  const std::string picked = picked_line(3, 2);
  EXPECT_EQ(process_line(picked)->kind, ProcessLine::Kind::kPickedUp);
  EXPECT_DOUBLE_EQ(process_line(picked)->started, kNoon + 2);
}

TEST(ProcessLine, WhatIsForgedOrCutIsNone) {
  const std::string good = done_line(12, 1.5, 0.25, 0.125);
  for (std::size_t length = 0; length < good.size() - 10; ++length)
    static_cast<void>(process_line(std::string_view(good).substr(0, length)));
  EXPECT_FALSE(process_line(std::string_view(good).substr(0, good.size() / 2)));
  for (const char* wrong : {"nan", "inf", "-1", "1e300", ""}) {
    std::string text = good;
    text.replace(text.find("0.250000"), 8, wrong);
    EXPECT_FALSE(process_line(text)) << wrong;
  }
  std::string text = good;
  text.replace(text.find("started 2026-01"), 15, "started 2026-13");
  EXPECT_FALSE(process_line(text));
}

TEST(Timeline, TellsWhatAProcessDid) {
  Timeline timeline;
  const auto add = [&](const std::string& text) {
    timeline.add("127.0.0.1/process000", *process_line(text));
  };
  add(picked_line(0, 0));
  add(done_line(0, 0, 1, 0.75));
  add(done_line(1, 1, 1, 1));
  add(done_line(2, 3, 2, 2, "failed"));
  add(picked_line(3, 5));
  const auto document = timeline.document(kNoon + 10);
  const auto& process = document["processes"][0];
  EXPECT_EQ(process["node"], "127.0.0.1");
  EXPECT_EQ(process["process"], "process000");
  EXPECT_EQ(process["spans"],
            nlohmann::ordered_json::parse(
                R"([[1769860800.0,1769860800.25,"loading"],[1769860800.25,1769860801.0,"run"],
                    [1769860801.0,1769860802.0,"run"],[1769860802.0,1769860803.0,"idle"],
                    [1769860803.0,1769860805.0,"run"],[1769860805.0,1769860810.0,"run"]])"));
  EXPECT_EQ(document["slowest"][0]["miniBatch"], "2");
  EXPECT_EQ(document["slowest"][0]["seconds"], 2.0);
  EXPECT_EQ(document["tries"], 3);
  EXPECT_EQ(document["thinned"], false);
  EXPECT_EQ(document["durations"]["edgesSeconds"].size(), document["durations"]["counts"].size() + 1);
  double all = 0;
  for (const auto& point : document["throughput"]) all += point[1].get<double>() * 0.25;
  EXPECT_DOUBLE_EQ(all, 2) << "two succeeded";
  EXPECT_EQ(timeline.document(std::nullopt)["processes"][0]["spans"].size(), 5U) << "it has ended";
}

TEST(Timeline, IsBoundedHoweverManyMiniBatchesThereWere) {
  Timeline timeline;
  for (int i = 0; i < 200'000; ++i) {
    ProcessLine line;
    const std::string mini_batch = std::to_string(i);
    line.mini_batch = mini_batch;
    line.outcome = "succeeded";
    line.started = kNoon + i * 0.9;
    line.duration = i % 1000 == 0 ? 0.8 : 0.5;
    line.run = line.duration / 2;
    timeline.add(fmt::format("127.0.0.{}/process000", i % 50), line);
  }
  const auto document = timeline.document(std::nullopt);
  EXPECT_EQ(document["thinned"], true);
  EXPECT_LE(document["throughput"].size(), Timeline::kMostPoints);
  std::size_t spans = 0;
  for (const auto& process : document["processes"]) {
    spans += process["spans"].size();
    EXPECT_GT(process["spans"].size(), 20U) << "there is still something to see";
  }
  EXPECT_LE(spans, 3 * Timeline::kMostSpans);
  EXPECT_EQ(document["slowest"].size(), Timeline::kMostSlowest);
  EXPECT_EQ(document["slowest"][0]["seconds"], 0.4);
  std::uint64_t counted = 0;
  for (const auto& count : document["durations"]["counts"]) counted += count.get<std::uint64_t>();
  EXPECT_EQ(counted, 200'000U);
  double all = 0;
  const double width =
      document["throughput"][1][0].get<double>() - document["throughput"][0][0].get<double>();
  for (const auto& point : document["throughput"]) all += point[1].get<double>() * width;
  EXPECT_NEAR(all, 200'000, 1);
}

TEST(Timeline, FarTimesAndManyProcessesCostNoMore) {
  Timeline timeline;
  for (int i = 0; i < 3'000; ++i) {
    ProcessLine line;
    line.mini_batch = "1";
    line.outcome = "succeeded";
    line.started = i % 2 == 0 ? 1 : 2.5e11;
    line.duration = 1;
    timeline.add("node/process" + std::to_string(i), line);
  }
  const auto document = timeline.document(std::nullopt);
  EXPECT_LE(document["throughput"].size(), Timeline::kMostPoints);
  EXPECT_EQ(document["processes"].size(), Timeline::kMostProcesses);
  EXPECT_EQ(document["thinned"], true);
  EXPECT_EQ(document["tries"], 3'000);
}

class Reader : public testing::Test {
 protected:
  nlohmann::ordered_json read(bool at_work = false) {
    const auto folder = OutputFolder::open(root_.path().string(), "").value();
    const auto files = report::log_files(root_.path().string()).value();
    return reader_.read("job", folder, files, at_work).value();
  }
  test::TemporaryDirectory root_;
  TimelineReader reader_{{}};
  const std::string log_ = "logs/sys/node/127.0.0.1/process000.txt";
};

TEST_F(Reader, TakesOnlyWhatIsNewAndWholeAndFollowsARotation) {
  const std::string first = done_line(0, 0, 1, 1) + "\n";
  const std::string second = done_line(1, 1, 1, 1) + "\n";
  root_.write(log_, first + second.substr(0, 50));
  EXPECT_EQ(read()["tries"], 1);
  EXPECT_EQ(read()["tries"], 1);
  root_.write(log_, first + second);
  EXPECT_EQ(read()["tries"], 2);
  std::filesystem::rename(root_ / log_, root_ / (log_ + ".1"));
  EXPECT_EQ(read()["tries"], 2) << "it was read under its other name";
  root_.write(log_, done_line(2, 2, 1, 1) + "\n");
  const auto document = read();
  EXPECT_EQ(document["tries"], 3);
  EXPECT_EQ(document["reading"], false);
  EXPECT_EQ(document["processes"].size(), 1U) << "what was put aside is of the same process";
}

TEST_F(Reader, LinksAmongLogsAreNotRead) {
  root_.write("elsewhere", done_line(0, 0, 1, 1) + "\n");
  root_.write(log_, "");
  std::filesystem::create_symlink(root_ / "elsewhere", root_ / "logs/sys/node/127.0.0.1/process001.txt");
  EXPECT_EQ(read()["tries"], 0);
}

TEST_F(Reader, ResourcesOfNodesAreThinnedOut) {
  std::string csv = "time,cpu_percent,cpus,memory_total_kb,memory_used_kb\n";
  for (int i = 0; i < 5'000; ++i)
    csv += fmt::format("2026-01-31T12:{:02}:{:02}Z,{}.5,2,1000,{}\n", i / 60 % 60, i % 60, i % 100, i);
  root_.write("logs/perf/127.0.0.1/node_resource_usage.csv", csv + csv.substr(0, 60));
  const auto document = read();
  const auto& node = document["resources"]["127.0.0.1"];
  EXPECT_LE(node["time"].size(), 2'000U);
  EXPECT_GT(node["time"].size(), 1'000U);
  EXPECT_EQ(node["time"].size(), node["memoryBytes"].size());
  EXPECT_EQ(node["cpuPercent"][0], 0.5);
  EXPECT_EQ(document["thinned"], true);
}

}  // namespace
}  // namespace parallelrun::web
