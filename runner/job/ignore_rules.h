// Files of a source directory that a job never looks at, by the syntax of .gitignore. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/input/glob.h"

namespace parallelrun {

// Rules in order: of those that match a path the last one decides, and `!` in front takes it back in. A rule
// with a '/' before its end is meant from the top, others at any depth; a '/' at the end: directories alone.
// What lies in a directory that is left out is left out. A line that is no pattern is passed over, as git
// does. Immutable.
class IgnoreRules {
 public:
  IgnoreRules() = default;
  explicit IgnoreRules(std::string_view text) { add(text); }

  // More lines behind the others.
  void add(std::string_view text);

  // `path`: relative to the directory of the rules. Precondition: the directories above it are not left out.
  bool leaves_out(std::string_view path, bool is_directory) const;

 private:
  struct Rule {
    Glob glob;
    bool negated = false;
    bool directories_alone = false;
  };
  std::vector<Rule> rules_;
};

}  // namespace parallelrun
