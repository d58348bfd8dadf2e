#include "operator/metrics/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

namespace parallelrun::op {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

struct ProcStat {
  double cpu_seconds = 0;
  double start_ticks = 0;  // since boot
  double virtual_bytes = 0;
  double resident_bytes = 0;
};

std::optional<ProcStat> read_stat() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  // The program's name is in parentheses and may hold anything.
  const auto end = text.rfind(')');
  if (end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(end + 1));
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  ProcStat stat;
  std::string field;
  for (int number = 3; number <= 24 && (fields >> field); ++number) {
    const double value = number == 3 ? 0 : std::strtod(field.c_str(), nullptr);
    if (number == 14 || number == 15) stat.cpu_seconds += value / ticks;
    if (number == 22) stat.start_ticks = value / ticks;
    if (number == 23) stat.virtual_bytes = value;
    if (number == 24) stat.resident_bytes = value * page;
  }
  return stat;
}

std::optional<double> boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::strtod(line.c_str() + 6, nullptr);
  }
  return std::nullopt;
}

std::optional<double> open_files() {
  std::error_code problem;
  double count = 0;
  for (auto entry = std::filesystem::directory_iterator("/proc/self/fd", problem);
       !problem && entry != std::filesystem::directory_iterator(); entry.increment(problem)) {
    count += 1;
  }
  if (problem) return std::nullopt;
  return count - 1;  // the one that reads the folder
}

}  // namespace

MetricFamily single_metric(std::string name, std::string help, MetricType type, double value) {
  MetricFamily family{std::move(name), std::move(help), type, {}};
  family.metric.emplace_back();
  if (type == MetricType::Counter) {
    family.metric.back().counter.value = value;
  } else {
    family.metric.back().gauge.value = value;
  }
  return family;
}

std::vector<MetricFamily> process_metrics() {
  std::vector<MetricFamily> families;
  const auto add = [&](const char* name, const char* help, MetricType type, double value) {
    families.push_back(single_metric(name, help, type, value));
  };
  if (const auto stat = read_stat()) {
    add("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", MetricType::Counter,
        stat->cpu_seconds);
    add("process_virtual_memory_bytes", "Virtual memory size in bytes.", MetricType::Gauge,
        stat->virtual_bytes);
    add("process_resident_memory_bytes", "Resident memory size in bytes.", MetricType::Gauge,
        stat->resident_bytes);
    if (const auto boot = boot_time()) {
      add("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
          MetricType::Gauge, *boot + stat->start_ticks);
    }
  }
  if (const auto files = open_files()) {
    add("process_open_fds", "Number of open file descriptors.", MetricType::Gauge, *files);
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    add("process_max_fds", "Maximum number of open file descriptors.", MetricType::Gauge,
        static_cast<double>(limit.rlim_cur));
  }
  return families;
}

}  // namespace parallelrun::op
