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

// What is written down at the first start of a job. One by one stand code and then other files, in bytewise
// order and at most `most` of them; the files after those are one digest.
struct RecordedCode {
  CodeFiles files;
  std::string rest;  // empty: there are no more

  bool operator==(const RecordedCode&) const = default;
};

inline constexpr std::size_t kMostRecordedFiles = 10'000;

RecordedCode recorded_code(const CodeFiles& files, std::size_t most = kMostRecordedFiles);

// Whether Python can import a file of this name: *.py, *.pyi, *.so.
bool is_code(std::string_view name);

// Why `now` is other code than `before`: a recorded file changed or vanished, or new code came. Other new
// files are what the script wrote; only among the files of `rest` do they count. Names at most 5 files:
// "digit.py changed, model.bin is gone, extra.py is new and 2 more". Nothing: the same code.
std::optional<std::string> code_difference(const RecordedCode& before, const CodeFiles& now);

nlohmann::json to_json(const RecordedCode& code);

// Nothing for any other form, such as the hash that is all there is to some jobs.
std::optional<RecordedCode> recorded_code_from_json(const nlohmann::json& value);

}  // namespace parallelrun
