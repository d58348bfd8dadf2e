// The logs of a job whose output lies in a store: which of them have changed and are to be put there.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/orchestrator/server/output_objects.h"

namespace parallelrun::orchestrator {

// One thread at a time.
class OutputLogs {
 public:
  // `directory`: the output directory, in which logs/ lies.
  explicit OutputLogs(std::string directory) : directory_(std::move(directory)) {}

  // Puts what has changed since it was put, and the job's state for people. Links are not followed.
  Status put_all(OutputObjects& objects);
  // Only what people look at while a job runs.
  Status put_overview(OutputObjects& objects);
  // Fetches those that are not here.
  Status fetch(OutputObjects& objects);

 private:
  struct Stamp {
    std::uint64_t size = 0;
    std::int64_t changed = 0;  // of the file's clock
    bool operator==(const Stamp&) const = default;
  };
  void find(const std::string& name, std::map<std::string, Stamp>& found) const;
  Status put(OutputObjects& objects, const std::map<std::string, Stamp>& found);

  const std::string directory_;
  std::map<std::string, Stamp> put_;  // by name
};

}  // namespace parallelrun::orchestrator
