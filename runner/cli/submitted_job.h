// What an output directory of this machine says its job was started with (runner/job/submission.h), made
// into a manifest again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"

namespace parallelrun {

struct SubmittedJob {
  nlohmann::json record;    // the whole of it
  nlohmann::json document;  // a manifest; its `local` paths are absolute
  std::string manifest;     // the path that it came from; "-": standard input
};

// `directory`: absolute. `shown`: as the user named it. What was withheld is put back as far as the manifest
// still says it. Errors: kNotFound: it does not say; a sentence without the way out.
Result<SubmittedJob> submitted_job(const std::string& directory, const std::string& shown);

// Adds the files of keys that it was given (NAME=FILE) to `credentials`, but for names that stand there
// already.
void add_credentials_of(const SubmittedJob& job, std::vector<std::string>& credentials);

// Which values stay withheld also with these --set FIELD=VALUE, in a sentence with the way out, or nothing.
std::optional<std::string> withheld_in(const SubmittedJob& job, const std::vector<std::string>& overrides);

// An absolute path without "." and "..", and without a "/" at its end.
std::string normal_folder(const std::string& path);
// Of a small file. The discarded value where it is not there or no JSON.
nlohmann::json read_state_json(const std::string& path);

}  // namespace parallelrun
