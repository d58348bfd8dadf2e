// A complete run whose results later jobs may reuse [allow_reuse]: what is written down of it, and where such
// runs are found.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"

namespace parallelrun {

// Holds no credentials: settings are those of reuse_settings().
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

// As a file has it.
std::string text_of(const FinishedRun& run);
// Nothing: that is no such file, or it is damaged.
std::optional<FinishedRun> finished_run_from(const std::string& text);
// Of a file of such runs; nothing: it is not there, cannot be read, or is larger than any of them.
std::optional<std::string> read_run_file(const std::string& path);
// kNoSpace or kIo: "'PATH' cannot be WHAT: ...".
Error run_file_error(const std::string& path, const char* what, int number);
// The file appears whole, or not at all. Errors: kNoSpace, kIo.
Status write_whole(const std::string& path, const std::string& text);

// The runs that a job may reuse. One thread.
class KnownRuns {
 public:
  virtual ~KnownRuns() = default;

  // The newest first. `problems` gets a sentence for each that cannot be used; it is passed over.
  virtual std::vector<FinishedRun> with_key(const std::string& key,
                                            std::vector<std::string>& problems) const = 0;
  virtual std::vector<FinishedRun> all(std::vector<std::string>& problems) const = 0;
  // In the place of what is known of the same output directory. Errors: kNoSpace, kIo.
  virtual Status add(const FinishedRun& run) = 0;
  // Its results are no good.
  virtual void forget(const std::string& output) = 0;

  // How people call a run: its output directory, or its job.
  virtual std::string called(const FinishedRun& run) const = 0;
  // "'/data/out1'", "job 'digits'".
  virtual std::string in_words(const FinishedRun& run) const = 0;
  // "there is no earlier run in ..."
  virtual std::string none_in_words() const = 0;
};

}  // namespace parallelrun
