// The complete runs of a user on this machine whose results later jobs may reuse [allow_reuse]: one small
// file for each output directory, in a folder that is his alone.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/job/finished_run.h"

namespace parallelrun {

// May be used by many processes at once: a file appears whole, or not at all. One thread.
class RunIndex final : public KnownRuns {
 public:
  static constexpr std::size_t kMost = 1000;  // runs

  // PARALLELRUN_RUN_INDEX: a directory, or `off`. Otherwise parallelrun/runs in ${XDG_STATE_HOME}, which is
  // ~/.local/state where it is not set. Empty: there is none.
  static std::string directory_of_user();

  // Makes the directory (0700) where it is missing. Errors: kConflict (it is somebody else's, or others may
  // write there), kIo.
  static Result<RunIndex> open(std::string directory);

  // Runs whose output directory is not there any more are removed.
  std::vector<FinishedRun> with_key(const std::string& key,
                                    std::vector<std::string>& problems) const override;
  std::vector<FinishedRun> all(std::vector<std::string>& problems) const override;
  // The oldest beyond kMost go.
  Status add(const FinishedRun& run) override;
  void forget(const std::string& output) override;
  std::string called(const FinishedRun& run) const override { return run.output; }
  std::string in_words(const FinishedRun& run) const override;
  std::string none_in_words() const override;

  const std::string& directory() const { return directory_; }

 private:
  explicit RunIndex(std::string directory) : directory_(std::move(directory)) {}
  std::vector<FinishedRun> read(const std::string& prefix, std::vector<std::string>& problems) const;
  std::vector<std::string> names() const;

  std::string directory_;
};

}  // namespace parallelrun
