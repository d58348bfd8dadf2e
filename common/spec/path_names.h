// The names in a path pattern [pathPattern]: `{user}/{genre}/*.mp3` has user and genre. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace parallelrun {

// A piece of a path pattern: a name, or what stands between names, which is a glob.
struct PathPatternPart {
  bool is_name = false;
  std::string text;
  bool operator==(const PathPatternPart&) const = default;
};

// A brace without a comma is a name, one with a comma means alternatives as in a glob, and `\{` is the
// character. Errors: kInvalidArgument, a sentence about the pattern: an empty name or one that is there
// twice,
// a brace that does not end, a name inside alternatives, a control character.
Result<std::vector<PathPatternPart>> parts_of_path_pattern(std::string_view pattern);

// In the order of the pattern. Errors: the same.
Result<std::vector<std::string>> names_in_path_pattern(std::string_view pattern);

}  // namespace parallelrun
