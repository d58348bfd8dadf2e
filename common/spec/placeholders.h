// Placeholders in `arguments` [arguments]: $(sideInputs.NAME), $(inputs.NAME) and $(output) stand for
// directories, also inside a string; $$( is a literal $(.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "common/spec/job_spec.h"

namespace parallelrun {

struct ArgumentPart {
  enum class Kind { kLiteral, kInput, kSideInput, kOutput };
  Kind kind = Kind::kLiteral;
  std::string text;  // the literal, or the name

  bool operator==(const ArgumentPart&) const = default;
};

// Errors: kInvalidArgument for a placeholder that is not closed or of no known kind.
Result<std::vector<ArgumentPart>> split_argument(std::string_view argument);

// The directories that placeholders stand for.
struct PlaceholderDirectories {
  std::map<std::string, std::string> inputs;
  std::map<std::string, std::string> side_inputs;
  std::string output;
};

// Errors: kInvalidArgument, also for a name that is not in `directories`, naming those that are.
Result<std::string> expand_argument(std::string_view argument, const PlaceholderDirectories& directories);

// Whether workers see the output directory: for summary_only, with mountOnWorkers, where an argument says
// $(output), or where records are grouped by partition keys, since the groups lie there.
bool output_on_workers(const JobSpec& spec);

}  // namespace parallelrun
