#include "runner/report/speed_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "common/json/members.h"
#include "common/result/try.h"
#include "common/time/rfc3339.h"
#include "runner/report/job_report.h"
#include "runner/report/log_files.h"
#include "runner/report/text_files.h"

namespace parallelrun::report {
namespace {

constexpr std::size_t kLongestLine = 4096;
constexpr std::size_t kMostRuns = 1'000'000;  // of which the median is taken
constexpr std::string_view kNodes = "sys/node/";

// What stands out: shares of the time, and seconds below which nobody cares.
constexpr double kMuch = 0.25;
constexpr double kSomeSeconds = 5;
constexpr double kShort = 0.02;  // seconds of run(), which the way to it and back may exceed

std::optional<double> number_after(std::string_view line, std::string_view words) {
  const std::size_t at = line.find(words);
  if (at == std::string_view::npos) return std::nullopt;
  double number = 0;
  const char* begin = line.data() + at + words.size();
  const auto read = std::from_chars(begin, line.data() + line.size(), number);
  return read.ec == std::errc() ? std::optional(number) : std::nullopt;
}

double seconds_since_1970(std::string_view time) {
  const auto parsed = parse_rfc3339(time);
  return parsed ? std::chrono::duration<double>(parsed->time_since_epoch()).count() : 0;
}

// "127.0.0.1/process000" of "sys/node/127.0.0.1/process000.txt" and of what a rotation put aside of it.
std::string process_of(const std::string& log) {
  if (!log.starts_with(kNodes)) return "";
  const std::size_t name = log.rfind('/') + 1;
  const std::size_t end = log.find(".txt", name);
  if (log.compare(name, 7, "process") != 0 || end == std::string::npos) return "";
  return log.substr(kNodes.size(), end - kNodes.size());
}

// The column of process memory of perf/<ip>/processes_resource_usage.csv.
std::uint64_t largest_memory(const std::string& path) {
  std::uint64_t largest = 0;
  std::size_t column = 0;
  bool head = true;
  const Status read = for_each_line(path, kLongestLine, [&](std::string_view line) {
    for (std::size_t i = 0; !line.empty(); ++i) {
      const std::size_t end = std::min(line.find(','), line.size());
      const std::string_view cell = line.substr(0, end);
      if (head && cell == "rss_kb") column = i;
      std::uint64_t value = 0;
      if (!head && column > 0 && i == column &&
          std::from_chars(cell.data(), cell.data() + cell.size(), value).ec == std::errc())
        largest = std::max(largest, value);
      line.remove_prefix(std::min(end + 1, line.size()));
    }
    head = false;
    return true;
  });
  return read ? largest : 0;
}

std::string percent(double share) { return fmt::format("{:.0f} %", share * 100); }

std::string in_seconds(double seconds) {
  return seconds >= 100 ? fmt::format("{:.0f} s", seconds) : fmt::format("{:.3g} s", seconds);
}

}  // namespace

bool add_line(std::string_view line, ProcessTimes& process, std::vector<float>& runs) {
  if (line.find(" done with mini-batch ") == std::string_view::npos) return false;
  const auto duration = number_after(line, ", duration ");
  const auto cpu = number_after(line, ", process time ");
  const auto run = number_after(line, " s, run ");
  const std::size_t started = line.find("; started ");
  if (!duration || !cpu || !run || started == std::string_view::npos) return false;
  const std::string_view time = line.substr(started + 10);
  const double begin = seconds_since_1970(time.substr(0, time.find(',')));
  if (begin == 0) return false;
  if (process.first == 0 || begin < process.first) process.first = begin;
  process.last = std::max(process.last, begin + *duration);
  process.busy += *duration;
  process.run += *run;
  process.cpu += *cpu;
  process.longest = std::max(process.longest, *run);
  ++process.mini_batches;
  if (line.find("): succeeded;") == std::string_view::npos) ++process.failed;
  if (runs.size() < kMostRuns) runs.push_back(static_cast<float>(*run));
  return true;
}

SpeedReport speed_of(std::vector<ProcessTimes> processes, std::vector<float> runs, double started) {
  SpeedReport report;
  std::erase_if(processes, [](const ProcessTimes& one) { return one.mini_batches == 0; });
  if (processes.empty()) return report;
  double first = processes.front().first;
  double last = 0;
  double busy = 0;
  double run = 0;
  double cpu = 0;
  std::vector<double> ends;
  for (const ProcessTimes& one : processes) {
    first = std::min(first, one.first);
    last = std::max(last, one.last);
    busy += one.busy;
    run += one.run;
    cpu += one.cpu;
    report.longest_run = std::max(report.longest_run, one.longest);
    ends.push_back(one.last);
  }
  report.span = last - first;
  report.start = started > 0 ? std::max(0.0, first - started) : 0;
  const double all = std::max(report.span * static_cast<double>(processes.size()), busy);
  if (all > 0) {
    report.run = run / all;
    report.overhead = std::max(0.0, busy - run) / all;
    report.idle = std::max(0.0, all - busy) / all;
  }
  report.cpu = busy > 0 ? cpu / busy : 0;
  const auto middle = ends.begin() + static_cast<std::ptrdiff_t>((ends.size() - 1) / 2);
  std::nth_element(ends.begin(), middle, ends.end());
  report.tail = last - *middle;
  if (!runs.empty()) {
    const auto half = runs.begin() + static_cast<std::ptrdiff_t>((runs.size() - 1) / 2);
    std::nth_element(runs.begin(), half, runs.end());
    report.median_run = *half;
  }
  report.processes = std::move(processes);
  return report;
}

std::vector<Finding> findings_of(const SpeedReport& report) {
  std::vector<std::pair<double, Finding>> found;  // with the share of the time that it costs
  if (report.processes.empty()) return {};
  const double whole = report.start + report.span;
  // At most so much of run() was computing, for reading and writing computed too.
  const double computing = report.run > 0 ? report.cpu * (report.run + report.overhead) / report.run : 0;
  std::uint64_t tries = 0;
  std::uint64_t failed = 0;
  for (const ProcessTimes& one : report.processes) {
    tries += one.mini_batches;
    failed += one.failed;
  }
  if (report.start > kSomeSeconds && report.start > kMuch * whole)
    found.push_back(
        {report.start / whole,
         {"the start took long",
          fmt::format("{} until the first mini-batch was picked up, of {}", in_seconds(report.start),
                      in_seconds(whole)),
          "an environment.image that has the packages, in place of environment.requirements; what "
          "init() loads may be smaller"}});
  const bool few = tries < 4 * report.processes.size();
  const bool long_tail = report.tail > kMuch * report.span && report.processes.size() > 1 && report.span > 1;
  if (long_tail)
    found.push_back(
        {report.tail / std::max(whole, 1e-9),
         {"at the end most processes wait for one",
          fmt::format("the last one worked {} longer than half of them; the longest run() took {}, "
                      "half of all at most {}",
                      in_seconds(report.tail), in_seconds(report.longest_run), in_seconds(report.median_run)),
          "a smaller miniBatchSize, so that the work can be shared out"}});
  if (report.overhead > kMuch)
    found.push_back(
        {report.overhead,
         {"reading the input and writing the results takes long",
          fmt::format("{} of the processes' time, run() {}", percent(report.overhead), percent(report.run)),
          report.median_run < kShort
              ? "a larger miniBatchSize: run() is short beside the way to it"
              : "a faster volume, or a format that is read faster (Parquet in place of CSV)"}});
  if (report.idle > kMuch && !long_tail) {
    const bool short_runs = report.median_run < kShort;
    found.push_back(
        {report.idle,
         {"processes wait for work",
          fmt::format("idle for {} of their time; half of the mini-batches need at most {} in run()",
                      percent(report.idle), in_seconds(report.median_run)),
          few ? "a smaller miniBatchSize, or fewer processes: there are hardly more mini-batches than these"
          : short_runs ? "a larger miniBatchSize: mini-batches are done faster than they are handed out"
                       : "the log sys/master_role.txt, which tells what the orchestrator did meanwhile"}});
  }
  if (report.run > kMuch && computing < 0.5)
    found.push_back(
        {report.run * (1 - computing),
         {"run() mostly waits",
          fmt::format("it uses the processor for at most {} of its time", percent(computing)),
          "a larger processCountPerNode: others can compute while one waits for network or disk"}});
  if (report.run > kMuch && report.cpu > 1.5 && report.processes.size() > 1)
    found.push_back(
        {report.run / 4,
         {"run() computes on several processors at once", fmt::format("{:.1f} in each process", report.cpu),
          "environment.variables: {OMP_NUM_THREADS: \"1\"}, or fewer processes on a node, if they "
          "have more threads together than the node has processors"}});
  if (failed * 10 > tries)
    found.push_back({static_cast<double>(failed) / static_cast<double>(tries),
                     {"many tries fail", fmt::format("{} of {}", failed, tries),
                      "the verb errors, which shows why; runMaxTry and runRetryDelay limit what they cost"}});
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Finding> sorted;
  for (auto& [cost, finding] : found) sorted.push_back(std::move(finding));
  return sorted;
}

Result<SpeedReport> read_speed(const std::string& directory) {
  ASSIGN_OR_RETURN(const JobReport job, report_of(directory));
  ASSIGN_OR_RETURN(const std::vector<LogFile> files, log_files(directory));
  std::map<std::string, ProcessTimes> processes;
  std::vector<float> runs;
  std::uint64_t memory = 0;
  for (const LogFile& file : files) {
    const std::string path = directory + "/logs/" + file.name;
    if (file.name.starts_with("perf/") && file.name.ends_with("/processes_resource_usage.csv"))
      memory = std::max(memory, largest_memory(path));
    const std::string name = process_of(file.name);
    if (name.empty()) continue;
    ProcessTimes& process = processes[name];
    process.name = name;
    RETURN_IF_ERROR(for_each_line(path, kLongestLine, [&](std::string_view line) {
      static_cast<void>(add_line(line, process, runs));
      return true;
    }));
  }
  std::vector<ProcessTimes> all;
  for (auto& [name, process] : processes) all.push_back(std::move(process));
  // Of a job that went on, earlier starts have done a part; nothing can be said of this one's first.
  const bool went_on = count_at(job.progress, "processedBefore") > 0;
  SpeedReport report = speed_of(std::move(all), std::move(runs),
                                went_on ? 0 : seconds_since_1970(text_at(job.progress, "started")));
  if (report.processes.empty())
    return Error{ErrorCode::kNotFound,
                 fmt::format("the logs of '{}' tell of no mini-batch that is done: wait for one, or set "
                             "loggingLevel: INFO",
                             job.name),
                 false};
  const auto elapsed = job.progress.find("elapsedSeconds");
  if (elapsed != job.progress.end() && elapsed->is_number()) report.elapsed = elapsed->get<double>();
  report.memory_kb = memory;
  return report;
}

nlohmann::ordered_json to_json(const SpeedReport& report, const std::vector<Finding>& findings) {
  nlohmann::ordered_json processes = nlohmann::ordered_json::array();
  for (const ProcessTimes& one : report.processes)
    processes.push_back({{"name", one.name},
                         {"miniBatches", one.mini_batches},
                         {"failed", one.failed},
                         {"busySeconds", one.busy},
                         {"runSeconds", one.run},
                         {"processorSeconds", one.cpu},
                         {"longestRunSeconds", one.longest}});
  nlohmann::ordered_json told = nlohmann::ordered_json::array();
  for (const Finding& finding : findings)
    told.push_back({{"what", finding.what}, {"figures", finding.figures}, {"try", finding.setting}});
  return {{"elapsedSeconds", report.elapsed},
          {"startSeconds", report.start},
          {"spanSeconds", report.span},
          {"shareOfRun", report.run},
          {"shareOfReadingAndWriting", report.overhead},
          {"shareOfIdle", report.idle},
          {"processorsWhileBusy", report.cpu},
          {"medianRunSeconds", report.median_run},
          {"longestRunSeconds", report.longest_run},
          {"tailSeconds", report.tail},
          {"largestProcessKb", report.memory_kb},
          {"findings", std::move(told)},
          {"processes", std::move(processes)}};
}

}  // namespace parallelrun::report
