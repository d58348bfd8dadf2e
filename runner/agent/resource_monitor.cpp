#include "runner/agent/resource_monitor.h"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "runner/agent/command.h"
#include "runner/agent/node_log.h"

namespace parallelrun::agent {
namespace {

namespace fs = std::filesystem;

std::string utc(std::chrono::system_clock::time_point when, const char* format) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

double percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

// What `ps` would print, where there is none.
std::string processes_of_proc() {
  std::string out = "PID PPID STAT RSS_KB THREADS COMMAND\n";
  const std::uint64_t page_kb = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 1024;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
    const std::string pid = entry.path().filename();
    if (!std::all_of(pid.begin(), pid.end(), [](char c) { return c >= '0' && c <= '9'; })) continue;
    const ProcessFigures figures = parse_process_stat(read_small_file(entry.path() / "stat"));
    std::string command = read_small_file(entry.path() / "cmdline");
    std::replace(command.begin(), command.end(), '\0', ' ');
    std::replace(command.begin(), command.end(), '\n', ' ');
    fmt::format_to(std::back_inserter(out), "{} {} {} {} {} {}\n", pid, figures.parent, figures.state,
                   figures.resident_pages * page_kb, figures.threads,
                   command.empty() ? "[" + figures.name + "]" : command);
  }
  return out;
}

}  // namespace

ResourceMonitor::ResourceMonitor(boost::asio::io_context& io, Options options, LogStreams& logs, Pids pids)
    : io_(io),
      options_(std::move(options)),
      logs_(logs),
      pids_(std::move(pids)),
      timer_(io),
      alive_(std::make_shared<bool>(true)) {}

ResourceMonitor::~ResourceMonitor() { *alive_ = false; }

void ResourceMonitor::start() {
  if (options_.interval.count() <= 0) return;
  sample();
  timer_.expires_after(options_.interval);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) start();
  });
}

std::string ResourceMonitor::folder() const { return "perf/" + node_folder(options_.node) + "/"; }

void ResourceMonitor::append(const std::string& file, const std::string& header, const std::string& lines) {
  LogBuffer& stream = logs_.stream(folder() + file);
  bool& has_header = has_header_[file];
  if (!has_header) stream.append(header + "\n", Clock::now());
  has_header = true;
  stream.append(lines, Clock::now());
}

void ResourceMonitor::sample() {
  const auto now = std::chrono::system_clock::now();
  const std::string time = utc(now, "%Y-%m-%dT%H:%M:%SZ");
  sample_node(time);
  sample_processes(time);
  sample_disks(time);
  list_processes(now);
}

void ResourceMonitor::sample_node(const std::string& time) {
  const CpuTicks cpu = parse_cpu_ticks(read_small_file("/proc/stat"));
  const std::string memory = read_small_file("/proc/meminfo");
  const std::uint64_t total = number_after(memory, "MemTotal");
  const std::uint64_t swap = number_after(memory, "SwapTotal");
  double load[3] = {0, 0, 0};
  ::getloadavg(load, 3);
  append("node_resource_usage.csv",
         "time,cpu_percent,cpus,memory_total_kb,memory_used_kb,memory_percent,swap_used_kb,load_1m,load_5m,"
         "load_15m",
         fmt::format("{},{:.1f},{},{},{},{:.1f},{},{:.2f},{:.2f},{:.2f}\n", time,
                     percent(cpu.busy - last_cpu_.busy, cpu.total - last_cpu_.total), ::get_nprocs(), total,
                     total - number_after(memory, "MemAvailable"),
                     percent(total - number_after(memory, "MemAvailable"), total),
                     swap - number_after(memory, "SwapFree"), load[0], load[1], load[2]));
  last_cpu_ = cpu;
}

void ResourceMonitor::sample_processes(const std::string& time) {
  const auto now = Clock::now();
  const double ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const std::uint64_t page_kb = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 1024;
  std::vector<std::pair<std::string, pid_t>> watched = pids_();
  watched.emplace_back("agent", ::getpid());
  std::map<pid_t, std::pair<std::uint64_t, Clock::time_point>> ticks;
  std::string lines;
  for (const auto& [name, pid] : watched) {
    const std::string base = fmt::format("/proc/{}/", pid);
    const ProcessFigures figures = parse_process_stat(read_small_file(base + "stat"));
    if (figures.name.empty()) continue;
    const std::string io = read_small_file(base + "io");
    double cpu = 0;
    if (const auto last = last_process_ticks_.find(pid); last != last_process_ticks_.end()) {
      const double seconds = std::chrono::duration<double>(now - last->second.second).count();
      const double spent = static_cast<double>(figures.cpu_ticks - last->second.first) / ticks_per_second;
      cpu = seconds > 0 ? 100 * spent / seconds : 0;
    }
    ticks[pid] = {figures.cpu_ticks, now};
    std::error_code error;
    const auto files = std::distance(fs::directory_iterator(base + "fd", error), fs::directory_iterator());
    fmt::format_to(std::back_inserter(lines), "{},{},{},{:.1f},{:.2f},{},{},{},{},{},{}\n", time, name, pid,
                   cpu, static_cast<double>(figures.cpu_ticks) / ticks_per_second,
                   figures.resident_pages * page_kb, figures.virtual_bytes / 1024, figures.threads, files,
                   number_after(io, "read_bytes"), number_after(io, "write_bytes"));
  }
  last_process_ticks_ = std::move(ticks);
  append("processes_resource_usage.csv",
         "time,process,pid,cpu_percent,cpu_seconds,rss_kb,virtual_kb,threads,open_files,read_bytes,written_"
         "bytes",
         lines);
}

void ResourceMonitor::sample_disks(const std::string& time) {
  const std::string df = find_on_path("df", options_.environment);
  if (df.empty() || df_runs_) return;
  df_runs_ = true;
  run_command(io_, {options_.exec_program, {df, "-P", "-k"}, options_.environment, {}, {}},
              [this, alive = alive_, time](const CommandEnd& end) {
                if (!*alive) return;
                df_runs_ = false;
                // df fails for one mount that cannot be read, and prints the others.
                append("node_disk_usage.csv", "time,filesystem,mounted_on,total_kb,used_kb,available_kb",
                       disk_usage_csv(end.output, time));
              });
}

void ResourceMonitor::list_processes(std::chrono::system_clock::time_point now) {
  const std::string file = folder() + "os/" + utc(now, "%Y%m%d%H") + "/processes_" + utc(now, "%M");
  const std::string ps = find_on_path("ps", options_.environment);
  if (ps.empty()) {
    logs_.stream(file).append(processes_of_proc(), Clock::now());
    return;
  }
  if (ps_runs_) return;
  ps_runs_ = true;
  std::vector<std::string> argv = {ps, "-e", "-ww", "-o",
                                   "pid,ppid,pgid,user,stat,pcpu,pmem,rss,vsz,nlwp,etime,args"};
  run_command(io_, {options_.exec_program, std::move(argv), options_.environment, {}, {}},
              [this, alive = alive_, file](const CommandEnd& end) {
                if (!*alive) return;
                ps_runs_ = false;
                logs_.stream(file).append(end.succeeded ? end.output : processes_of_proc(), Clock::now());
              });
}

}  // namespace parallelrun::agent
