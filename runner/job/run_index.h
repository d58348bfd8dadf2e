// The complete runs of a user on this machine whose results later jobs may reuse [allow_reuse]: one small
// file for each output directory, in a folder that is his alone. Holds no credentials: settings are those of
// reuse_settings().
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"

namespace parallelrun {

struct FinishedRun {
  std::string output;       // its output directory, absolute
  std::string name;         // of the job, for people
  std::string finished;     // RFC 3339
  nlohmann::json settings;  // reuse_settings()
  std::string identity;     // the fingerprint in its job.json
  std::string contents;     // SHA-256 that its contents file ends in, 64 digits
  std::string journal;      // SHA-256 of its journal

  // What is looked for: SHA-256 of the settings, 64 digits.
  std::string key() const;
  // The fingerprint: SHA-256 of settings and contents.
  std::string fingerprint() const;
};

// May be used by many processes at once: a file appears whole, or not at all. One thread.
class RunIndex {
 public:
  static constexpr std::size_t kMost = 1000;  // runs

  // PARALLELRUN_RUN_INDEX: a directory, or `off`. Otherwise parallelrun/runs in ${XDG_STATE_HOME}, which is
  // ~/.local/state where it is not set. Empty: there is none.
  static std::string directory_of_user();

  // Makes the directory (0700) where it is missing. Errors: kConflict (it is somebody else's, or others may
  // write there), kIo.
  static Result<RunIndex> open(std::string directory);

  // The newest first. `problems` gets a sentence for each file that cannot be used; it is passed over. Runs
  // whose output directory is not there any more are removed.
  std::vector<FinishedRun> with_key(const std::string& key, std::vector<std::string>& problems) const;
  std::vector<FinishedRun> all(std::vector<std::string>& problems) const;

  // In the place of what is there of the same output directory. The oldest beyond kMost go. Errors: kNoSpace,
  // kIo.
  Status add(const FinishedRun& run) const;
  void forget(const std::string& output) const;

  const std::string& directory() const { return directory_; }

 private:
  explicit RunIndex(std::string directory) : directory_(std::move(directory)) {}
  std::vector<FinishedRun> read(const std::string& prefix, std::vector<std::string>& problems) const;
  std::vector<std::string> names() const;

  std::string directory_;
};

}  // namespace parallelrun
