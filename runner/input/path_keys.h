// The values of partition keys in the paths of an input's files: names of a path pattern, or folders
// key=value.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "common/spec/job_spec.h"
#include "runner/input/key_value.h"
#include "runner/input/path_pattern.h"

namespace parallelrun {

// What a name in a path stands for.
struct PathKey {
  std::string name;
  KeyText text;
};

// With a path pattern: its names, as they stand in the path. Without one: each folder `key=value` gives a
// key.
// Its value is decoded as Hive and Spark write it (%3A is ':'), and __HIVE_DEFAULT_PARTITION__ is a missing
// one. Immutable.
class PathKeys {
 public:
  // Errors: kInvalidArgument, of the pattern.
  static Result<PathKeys> of(const Input& input);

  // What a path below the input's directory gives. Nothing: it does not match the pattern.
  std::optional<std::vector<PathKey>> in(std::string_view path) const;
  bool has_pattern() const { return pattern_.has_value(); }
  // "the pathPattern 'x'", or "folders like key=value".
  std::string words() const;

 private:
  std::optional<PathPattern> pattern_;
  std::string text_;  // of the pattern
};

}  // namespace parallelrun
