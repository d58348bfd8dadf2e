// When the code of a job is still the same. The script's folder is its working directory, so a script may
// write there; what it writes must not make the job that goes on another one.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/json/json.h"

namespace parallelrun {

// Digests of files by their path below the source directory. The paths are printable UTF-8.
using CodeFiles = std::map<std::string, std::string>;

// What is written down at the first start of a job, in bytewise order and at most `most` of each kind one by
// one; the files after those are one digest.
struct RecordedCode {
  CodeFiles files;
  std::string rest;  // empty: there are no more
  CodeFiles others;  // what lies beside the code
  std::string others_rest;

  bool operator==(const RecordedCode&) const = default;
};

inline constexpr std::size_t kMostRecordedFiles = 10'000;

RecordedCode recorded_code(const CodeFiles& code, const CodeFiles& others = {},
                           std::size_t most = kMostRecordedFiles);

// Why `now` is other code than `before`: a file changed, vanished, or is new. Names at most 5 files:
// "digit.py changed, model.py is gone, extra.py is new and 2 more". Nothing: the same code.
std::optional<std::string> code_difference(const RecordedCode& before, const CodeFiles& now);
std::optional<std::string> code_difference(const CodeFiles& before, const CodeFiles& now);
// The same of the files beside the code, which make no other job.
std::optional<std::string> others_difference(const RecordedCode& before, const CodeFiles& now);

nlohmann::json to_json(const RecordedCode& code);

// Nothing for any other form, such as the hash that is all there is to some jobs.
std::optional<RecordedCode> recorded_code_from_json(const nlohmann::json& value);

}  // namespace parallelrun
