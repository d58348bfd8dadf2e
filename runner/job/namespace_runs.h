// On a cluster: the finished jobs of the namespace whose output lies on the same volume [allow_reuse]. The
// operator names them, with the digest of what each of them left in its output directory: who can write to
// the volume cannot make results that a job of the namespace did not have. One thread.
#pragma once

#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/job/finished_run.h"

namespace parallelrun {

// Of a complete job, below its output directory.
inline constexpr const char* kRunPath = ".parallelrun/run.json";

struct GivenRun {
  std::string job;     // its name
  std::string output;  // its output directory, as it is seen here
  std::string record;  // SHA-256 of kRunPath there, 64 digits

  bool operator==(const GivenRun&) const = default;
};

class NamespaceRuns final : public KnownRuns {
 public:
  // The newest first.
  explicit NamespaceRuns(std::vector<GivenRun> given) : given_(std::move(given)) {}

  std::vector<FinishedRun> with_key(const std::string& key,
                                    std::vector<std::string>& problems) const override;
  std::vector<FinishedRun> all(std::vector<std::string>& problems) const override;
  // Writes kRunPath into its output directory.
  Status add(const FinishedRun& run) override;
  void forget(const std::string& output) override;
  std::string called(const FinishedRun& run) const override { return run.name; }
  std::string in_words(const FinishedRun& run) const override;
  std::string none_in_words() const override;

  // Digest of what add() wrote last; empty: nothing.
  const std::string& record() const { return record_; }

 private:
  std::vector<GivenRun> given_;
  std::string record_;
};

}  // namespace parallelrun
