// Which files an input takes: a pattern against paths relative to the input's directory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace parallelrun {

// `spec.inputs[].glob`. The pattern is matched against the whole relative path, case and all:
//   *      any run of characters of one path component; it never crosses a '/'
//   ?      one character (UTF-8; a byte that is not UTF-8 counts as a character)
//   [a-z]  one character of a set; [!a-z] or [^a-z] one that is not in it; ']' first in a set stands for
//          itself
//   **     as a whole component: any number of directories, none included, so `**/*.png` also matches at
//          the top; as the last component: everything below
//   {a,b}  one of the parts, each a pattern that may hold '/' and further braces; without a comma, or
//          without its other half, a brace stands for itself
//   \x     the character x itself
// A pattern that ends in '/' means everything below. Immutable; safe from several threads.
class Glob {
 public:
  // Where a match stands after some components: the set of pattern components that may come next.
  struct State {
    std::uint64_t next = 0;
  };

  // The empty pattern takes every file. Errors: kInvalidArgument (more than 63 components, with all its
  // braces written out; longer than a path; a set that does not end, a `..`).
  static Result<Glob> compile(std::string_view pattern);

  // The patterns without {a,b} that a pattern stands for; more than a Glob can have are not all written out.
  static std::vector<std::string> alternatives(std::string_view pattern);

  State start() const;
  // Takes one component of a path, the name of a directory or file.
  State step(State state, std::string_view name) const;
  // Whether a file that took the walk here matches.
  bool accepts(State state) const { return (state.next & ends_) != 0; }
  // Whether anything below a directory that took the walk here can match.
  bool may_match_below(State state) const { return (state.next & ~ends_) != 0; }

  // The whole path at once.
  bool matches(std::string_view relative_path) const;

 private:
  struct Range {
    std::uint32_t first;
    std::uint32_t last;
  };
  struct Token {
    enum class Kind : std::uint8_t { kCharacter, kAny, kStar, kSet };
    Kind kind = Kind::kCharacter;
    bool negated = false;
    std::uint32_t character = 0;
    std::vector<Range> ranges;
  };
  struct Component {
    bool is_end = false;                // behind the last component of a pattern: nothing may follow
    bool any_directories = false;       // **
    bool is_prefix_and_suffix = false;  // at most one star, no sets: the fast path
    bool has_star = false;
    std::string prefix;
    std::string suffix;
    std::vector<Token> tokens;
  };

  // Adds what one pattern without braces means, and its end.
  Status add(std::string_view alternative, std::string_view pattern);
  static Result<Component> compile_component(std::string_view text, std::string_view pattern);
  static bool match(const Component& component, std::string_view name);
  static bool match_token(const Token& token, std::uint32_t character);
  State close(State state) const;

  std::vector<Component> components_;  // of all alternatives, each up to its end
  std::uint64_t starts_ = 0;           // the first component of each alternative, as in State
  std::uint64_t ends_ = 0;
};

}  // namespace parallelrun
