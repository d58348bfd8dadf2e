// Finds the values of the names of a path pattern [pathPattern] in paths.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "runner/input/glob.h"

namespace parallelrun {

// A glob in which `{name}` stands for one or more characters of one path component. Where a path can be read
// in several ways, names take as few characters as they can, those on the left first. Immutable; safe from
// several threads.
class PathPattern {
 public:
  // Errors: kInvalidArgument, those of parts_of_path_pattern() and of Glob.
  static Result<PathPattern> compile(std::string_view pattern);

  const std::vector<std::string>& names() const { return names_; }
  // The same files, without names.
  const std::string& glob() const { return glob_; }
  // Sets values[i] to what names()[i] stands for in a path below the input's directory. False: no match.
  bool match(std::string_view path, std::vector<std::string_view>& values) const;

 private:
  struct Piece {
    enum class Kind : std::uint8_t { kLiteral, kGlob, kName };
    Kind kind = Kind::kLiteral;
    std::string text;        // kLiteral
    std::size_t name = 0;    // kName
    std::vector<Glob> glob;  // kGlob: one, which matches part of a component
  };
  struct Component {
    bool any_directories = false;  // **
    std::vector<Piece> pieces;
  };
  using Alternative = std::vector<Component>;

  Status add(std::string_view alternative);
  static Result<Piece> piece_of(std::string_view text);
  static bool match_name(const Component& component, std::size_t piece, std::string_view name,
                         std::vector<std::string_view>& values);
  static bool match_path(const Alternative& alternative, std::size_t component, std::string_view path,
                         std::vector<std::string_view>& values);

  std::vector<std::string> names_;
  std::string glob_;
  std::vector<Alternative> alternatives_;
};

}  // namespace parallelrun
