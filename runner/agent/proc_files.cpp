#include "runner/agent/proc_files.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>

namespace parallelrun::agent {
namespace {

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::vector<std::string_view> fields_of(std::string_view text) {
  std::vector<std::string_view> fields;
  while (true) {
    const std::size_t begin = text.find_first_not_of(" \t\n");
    if (begin == std::string_view::npos) return fields;
    const std::size_t end = std::min(text.find_first_of(" \t\n", begin), text.size());
    fields.push_back(text.substr(begin, end - begin));
    text.remove_prefix(end);
  }
}

}  // namespace

ProcessFigures parse_process_stat(std::string_view text) {
  ProcessFigures figures;
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return figures;
  figures.name = std::string(text.substr(open + 1, close - open - 1));
  const auto fields = fields_of(text.substr(close + 1));  // from field 3, the state
  if (fields.size() < 22) return figures;
  figures.state = fields[0].front();
  figures.parent = number(fields[1]);
  figures.cpu_ticks = number(fields[11]) + number(fields[12]);
  figures.threads = number(fields[17]);
  figures.virtual_bytes = number(fields[20]);
  figures.resident_pages = number(fields[21]);
  return figures;
}

std::string state_in_words(char state) {
  switch (state) {
    case 'T':
      return "the process is stopped (state T: it got SIGSTOP, or a terminal stopped it)";
    case 't':
      return "a debugger or tracer holds the process (state t)";
    case 'D':
      return "the process waits for a disk or a network volume (state D)";
    default:
      return {};
  }
}

CpuTicks parse_cpu_ticks(std::string_view proc_stat) {
  const auto fields = fields_of(proc_stat.substr(0, proc_stat.find('\n')));
  CpuTicks ticks;
  if (fields.empty() || fields[0] != "cpu") return ticks;
  // user nice system idle iowait irq softirq steal; guest time is part of user.
  for (std::size_t i = 1; i < fields.size() && i <= 8; ++i) {
    ticks.total += number(fields[i]);
    if (i != 4 && i != 5) ticks.busy += number(fields[i]);
  }
  return ticks;
}

std::uint64_t number_after(std::string_view text, std::string_view key) {
  for (std::size_t at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
    const bool line_start = at == 0 || text[at - 1] == '\n';
    std::size_t value = at + key.size();
    if (!line_start || value >= text.size() || text[value] != ':') continue;
    value = text.find_first_not_of(" \t", value + 1);
    return value == std::string_view::npos ? 0 : number(text.substr(value));
  }
  return 0;
}

std::string csv_field(std::string_view value) {
  if (value.find_first_of(",\"\n\r") == std::string_view::npos) return std::string(value);
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string disk_usage_csv(std::string_view df, std::string_view time) {
  std::string out;
  std::size_t begin = df.find('\n');
  while (begin != std::string_view::npos && ++begin < df.size()) {
    const std::size_t end = std::min(df.find('\n', begin), df.size());
    const auto fields = fields_of(df.substr(begin, end - begin));
    if (fields.size() >= 6) {
      const std::string_view mounted =
          df.substr(static_cast<std::size_t>(fields[5].data() - df.data()),
                    end - static_cast<std::size_t>(fields[5].data() - df.data()));
      fmt::format_to(std::back_inserter(out), "{},{},{},{},{},{}\n", time, csv_field(fields[0]),
                     csv_field(mounted), number(fields[1]), number(fields[2]), number(fields[3]));
    }
    begin = end;
  }
  return out;
}

std::string read_small_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return std::move(out).str();
}

}  // namespace parallelrun::agent
