// Keeps the timelines of the jobs that were looked at last up to date with their logs. Only what was written
// since the last look is read; the first look at a large job may take some calls.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "common/json/json.h"
#include "common/result/result.h"
#include "runner/report/log_files.h"
#include "runner/web/output_folder.h"
#include "runner/web/timeline.h"

namespace parallelrun::web {

// May be used by several threads at once.
class TimelineReader {
 public:
  struct Options {
    std::size_t most_jobs = 8;                  // whose timelines are kept
    std::chrono::milliseconds most_time{1200};  // of one call
  };
  explicit TimelineReader(Options options) : options_(options) {}

  // See Timeline::document(), and "resources", "reading": true where logs are left for the next call.
  // `key`: of the job. `at_work`: what was begun and has not ended is going on. Errors: those of
  // read_error().
  Result<nlohmann::ordered_json> read(const std::string& key, const OutputFolder& folder,
                                      const std::vector<report::LogFile>& files, bool at_work);

 private:
  struct Place {
    std::uint64_t offset = 0;
    bool seen = false;  // in this look
  };
  struct Kept {
    std::mutex mutex;
    std::unique_ptr<Timeline> timeline = std::make_unique<Timeline>();
    std::map<std::uint64_t, Place> places;  // by inode: a rotation renames a file
  };
  std::shared_ptr<Kept> kept(const std::string& key);
  // False: the time is over.
  bool take(Kept& kept, const FileDescriptor& file, const std::string& process,
            std::chrono::steady_clock::time_point deadline) const;

  const Options options_;
  std::mutex mutex_;
  std::list<std::pair<std::string, std::shared_ptr<Kept>>> jobs_;  // the last used first
};

// Of perf/<ip>/node_resource_usage.csv: {"time": [...], "cpuPercent": [...], "memoryBytes": [...]}, at most
// `most` points: of more, every second one, every third one. `thinned` is set then. Pure.
nlohmann::ordered_json node_resources(std::string_view csv, std::size_t most, bool& thinned);

}  // namespace parallelrun::web
