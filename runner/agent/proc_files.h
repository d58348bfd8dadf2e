// Figures out of the files of /proc. Pure but where it says so: text in, figures out; what cannot be read is
// zero.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace parallelrun::agent {

struct ProcessFigures {
  std::string name;
  char state = '?';
  std::uint64_t parent = 0;
  std::uint64_t cpu_ticks = 0;  // user and system
  std::uint64_t threads = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t resident_pages = 0;
};
// /proc/<pid>/stat. A process may carry any name, brackets and spaces among it.
ProcessFigures parse_process_stat(std::string_view text);

// Why a process in that state makes no headway: "the process is stopped (state T: ...)". Empty where the
// state is no reason.
std::string state_in_words(char state);

struct CpuTicks {
  std::uint64_t busy = 0;
  std::uint64_t total = 0;
};
CpuTicks parse_cpu_ticks(std::string_view proc_stat);

// The number after "key:" in a file of "Key:   number ..." lines (meminfo, status, io).
std::uint64_t number_after(std::string_view text, std::string_view key);

// The rows of `df -P -k` as CSV lines: time, filesystem, mounted on, kB in total, used, available.
std::string disk_usage_csv(std::string_view df, std::string_view time);

// A value as a CSV field, quoted where it must be.
std::string csv_field(std::string_view value);

// The whole of a (small) file; empty when it cannot be read.
std::string read_small_file(const std::string& path);

}  // namespace parallelrun::agent
