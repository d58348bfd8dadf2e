// The format of a tabular input that the manifest leaves to its files [inputs format].
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/json/json.h"
#include "common/result/result.h"
#include "common/spec/job_spec.h"
#include "runner/input/input_listing.h"

namespace parallelrun {

// What the names of an input's files say. Where one is CSV's, the format is CSV, as it always was, whatever
// lies beside it. Else the names must agree; names with other endings say nothing.
class SeenEndings {
 public:
  void add(std::string_view path);
  // No further name can change the verdict.
  bool settled() const { return counts_[0].files > 0; }
  // CSV, too, where no name says anything. Errors: kInvalidArgument, with what there is of each format, and
  // the field to set. `where`: in it, "'s3://bucket/in'".
  Result<DataFormat> verdict(const std::string& where) const;

 private:
  struct Count {
    std::uint64_t files = 0;
    std::string first;
  };
  std::array<Count, 4> counts_;  // CSV first
};

// Puts the format that the files have into an input that leaves it to them, and says whether it is another
// one than the manifest alone would give. Lists the input up to its first CSV file. A directory that is not
// there is left to the planner. Errors: those of the listing and of SeenEndings, naming the input.
Result<bool> take_format_of_files(Input& input, const InputPlace& place);

// The same with what an earlier start has found, by the identifying settings that it recorded.
bool take_recorded_format(Input& input, const nlohmann::json& settings);

}  // namespace parallelrun
