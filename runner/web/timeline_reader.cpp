#include "runner/web/timeline_reader.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

#include "common/time/rfc3339.h"

namespace parallelrun::web {
namespace {

using nlohmann::ordered_json;
using std::chrono::steady_clock;

constexpr std::string_view kNodeLogs = "sys/node/";
constexpr std::size_t kPieceOfLog = std::size_t{1} << 20U;
constexpr std::size_t kMostFigures = std::size_t{8} << 20U;
constexpr std::size_t kMostNodes = 200;

// "127.0.0.1/process000" of "sys/node/127.0.0.1/process000.txt" and of what a rotation put aside of it.
std::string process_named(const std::string& log) {
  if (!log.starts_with(kNodeLogs)) return "";
  const std::size_t name = log.rfind('/') + 1;
  const std::size_t end = log.find(".txt", name);
  if (log.compare(name, 7, "process") != 0 || end == std::string::npos) return "";
  return log.substr(kNodeLogs.size(), end - kNodeLogs.size());
}

double cell_number(std::string_view cell) {
  double number = 0;
  std::from_chars(cell.data(), cell.data() + cell.size(), number);
  return number >= 0 && number < 1e18 ? number : 0;
}

std::vector<std::string_view> cells_in(std::string_view line) {
  std::vector<std::string_view> cells;
  while (cells.size() < 32) {
    const std::size_t comma = line.find(',');
    cells.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) break;
    line.remove_prefix(comma + 1);
  }
  return cells;
}

std::size_t column_of(const std::vector<std::string_view>& heads, std::string_view name) {
  return static_cast<std::size_t>(std::find(heads.begin(), heads.end(), name) - heads.begin());
}

}  // namespace

ordered_json node_resources(std::string_view csv, std::size_t most, bool& thinned) {
  std::vector<std::string_view> lines;
  for (std::string_view rest = csv; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) break;  // it is being written
    if (end > 0) lines.push_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  ordered_json time = ordered_json::array();
  ordered_json cpu = ordered_json::array();
  ordered_json memory = ordered_json::array();
  if (!lines.empty()) {
    const auto heads = cells_in(lines.front());
    const std::size_t cpu_at = column_of(heads, "cpu_percent");
    const std::size_t memory_at = column_of(heads, "memory_used_kb");
    const std::size_t step = (lines.size() + most - 1) / most;
    thinned = thinned || step > 1;
    for (std::size_t i = 1; i < lines.size(); i += step) {
      const auto cells = cells_in(lines[i]);
      const auto when = parse_rfc3339(cells[0]);
      if (!when || cpu_at >= cells.size() || memory_at >= cells.size()) continue;  // the head of a new start
      time.push_back(std::chrono::duration_cast<std::chrono::seconds>(when->time_since_epoch()).count());
      cpu.push_back(cell_number(cells[cpu_at]));
      memory.push_back(cell_number(cells[memory_at]) * 1024);
    }
  }
  return {{"time", std::move(time)}, {"cpuPercent", std::move(cpu)}, {"memoryBytes", std::move(memory)}};
}

std::shared_ptr<TimelineReader::Kept> TimelineReader::kept(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& entry) { return entry.first == key; });
  if (found != jobs_.end()) {
    jobs_.splice(jobs_.begin(), jobs_, found);
  } else {
    jobs_.emplace_front(key, std::make_shared<Kept>());
    if (jobs_.size() > options_.most_jobs) jobs_.pop_back();
  }
  return jobs_.front().second;
}

bool TimelineReader::take(Kept& kept, const FileDescriptor& file, const std::string& process,
                          steady_clock::time_point deadline) const {
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return true;
  Place& place = kept.places[status.st_ino];
  place.seen = true;
  // Another one that has got its number, or it was cut.
  if (static_cast<std::uint64_t>(status.st_size) < place.offset) place.offset = 0;
  std::string piece(kPieceOfLog, '\0');
  while (true) {
    const auto read = read_at(file.get(), piece.data(), piece.size(), place.offset);
    if (!read || *read == 0) return true;
    std::string_view rest(piece.data(), *read);
    while (true) {
      const void* end = std::memchr(rest.data(), '\n', rest.size());
      if (end == nullptr) break;
      const auto length = static_cast<std::size_t>(static_cast<const char*>(end) - rest.data());
      if (const auto line = process_line(rest.substr(0, length))) kept.timeline->add(process, *line);
      rest.remove_prefix(length + 1);
    }
    // A line that is longer than a piece is none of ours; its rest begins none either.
    const std::size_t used = rest.size() == piece.size() ? piece.size() : *read - rest.size();
    place.offset += used;
    if (*read < piece.size()) return true;
    if (steady_clock::now() > deadline) return false;
  }
}

Result<ordered_json> TimelineReader::read(const std::string& key, const OutputFolder& folder,
                                          const std::vector<report::LogFile>& files, bool at_work) {
  const auto job = kept(key);
  const std::lock_guard lock(job->mutex);
  const auto deadline = steady_clock::now() + options_.most_time;
  // What was put aside comes first: it is older. Then the order of names is that of time.
  std::vector<const report::LogFile*> in_order;
  for (const report::LogFile& file : files) in_order.push_back(&file);
  std::stable_partition(in_order.begin(), in_order.end(),
                        [](const report::LogFile* file) { return !file->name.ends_with(".txt"); });
  for (auto& [inode, place] : job->places) place.seen = false;
  bool reading = false;
  ordered_json resources = ordered_json::object();
  bool thinned = false;
  for (const report::LogFile* log : in_order) {
    const std::string process = process_named(log->name);
    const bool figures = log->name.starts_with("perf/") && log->name.ends_with("/node_resource_usage.csv");
    if (process.empty() && !figures) continue;
    const auto file = folder.file("logs/" + log->name);
    if (!file) continue;  // gone since it was listed
    if (figures) {
      if (resources.size() >= kMostNodes) {
        thinned = true;
        continue;
      }
      const auto csv = read_begin(*file, std::min<std::size_t>(kMostFigures, log->bytes + 4096));
      thinned = thinned || log->bytes > kMostFigures;
      if (csv)
        resources[log->name.substr(5, log->name.rfind('/') - 5)] =
            node_resources(*csv, Timeline::kMostPoints, thinned);
      continue;
    }
    if (reading || !take(*job, *file, process, deadline)) reading = true;
  }
  // Numbers of files that are gone are given again.
  if (!reading) std::erase_if(job->places, [](const auto& entry) { return !entry.second.seen; });
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  ordered_json document = job->timeline->document(at_work ? std::optional(now) : std::nullopt);
  document["resources"] = std::move(resources);
  document["thinned"] = document["thinned"].get<bool>() || thinned;
  document["reading"] = reading;
  return document;
}

}  // namespace parallelrun::web
