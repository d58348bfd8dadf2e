// logs/70_driver_log.txt: what the launcher started where, from which spec, and how it ended.
#pragma once

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

namespace parallelrun {

// Appends time-stamped lines. Lines from before open() are kept and written then: the file lies in the output
// directory, which belongs to the orchestrator until it has said that the directory is this job's.
class DriverLog {
 public:
  void open(const std::string& path) {
    file_.open(path, std::ios::app);
    for (const std::string& text : early_) file_ << text;
    early_.clear();
    file_.flush();
  }

  void line(const std::string& text) {
    const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
    const std::string whole = fmt::format("{:%Y-%m-%dT%H:%M:%SZ} {}\n", fmt::gmtime(now), text);
    if (file_.is_open()) {
      file_ << whole << std::flush;
    } else {
      early_.push_back(whole);
    }
  }

 private:
  std::ofstream file_;
  std::vector<std::string> early_;
};

}  // namespace parallelrun
