#include "runner/input/path_pattern.h"

#include <algorithm>
#include <utility>

#include "common/result/try.h"
#include "common/spec/path_names.h"

namespace parallelrun {
namespace {

// While alternatives are written out, a name is this byte and its number + 1: no pattern has either.
constexpr char kNameMark = '\x01';
constexpr std::size_t kMostPatternNames = 30;

}  // namespace

Result<PathPattern> PathPattern::compile(std::string_view pattern) {
  ASSIGN_OR_RETURN(const std::vector<PathPatternPart> parts, parts_of_path_pattern(pattern));
  PathPattern compiled;
  std::string marked;
  for (const PathPatternPart& part : parts) {
    if (!part.is_name) {
      marked += part.text;
      compiled.glob_ += part.text;
      continue;
    }
    compiled.names_.push_back(part.text);
    if (compiled.names_.size() > kMostPatternNames) {
      return Error{ErrorCode::kInvalidArgument, "a path pattern has more than 30 names"};
    }
    marked += kNameMark;
    marked += static_cast<char>(compiled.names_.size());
    compiled.glob_ += "?*";
  }
  // Which also finds whatever is wrong with the globs between the names.
  if (const auto glob = Glob::compile(compiled.glob_); !glob) return glob.error();
  for (const std::string& alternative : Glob::alternatives(marked)) {
    RETURN_IF_ERROR(compiled.add(alternative));
  }
  return compiled;
}

Status PathPattern::add(std::string_view alternative) {
  Alternative components;
  const bool everything_below = alternative.ends_with('/');
  while (!alternative.empty()) {
    const std::size_t slash = alternative.find('/');
    std::string_view text = alternative.substr(0, slash);
    alternative.remove_prefix(slash == std::string_view::npos ? alternative.size() : slash + 1);
    if (text.empty() || text == ".") continue;
    Component component;
    component.any_directories = text == "**";
    while (!component.any_directories && !text.empty()) {
      const std::size_t name = text.find(kNameMark);
      if (name > 0) {
        ASSIGN_OR_RETURN(Piece piece, piece_of(text.substr(0, name)));
        component.pieces.push_back(std::move(piece));
        text.remove_prefix(std::min(name, text.size()));
        continue;
      }
      Piece piece;
      piece.kind = Piece::Kind::kName;
      piece.name = static_cast<std::size_t>(text[1]) - 1;
      component.pieces.push_back(std::move(piece));
      text.remove_prefix(2);
    }
    components.push_back(std::move(component));
  }
  if (everything_below) components.emplace_back().any_directories = true;
  alternatives_.push_back(std::move(components));
  return {};
}

Result<PathPattern::Piece> PathPattern::piece_of(std::string_view text) {
  Piece piece;
  bool special = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    special = special || text[i] == '*' || text[i] == '?' || text[i] == '[';
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    piece.text += text[i];
  }
  if (!special) return piece;
  piece.kind = Piece::Kind::kGlob;
  std::string glob(text);
  // Two stars are special only as a whole component.
  for (std::size_t at = glob.find("**"); at != std::string::npos; at = glob.find("**")) glob.erase(at, 1);
  ASSIGN_OR_RETURN(Glob compiled, Glob::compile(glob));
  piece.glob.push_back(std::move(compiled));
  return piece;
}

bool PathPattern::match_name(const Component& component, std::size_t piece, std::string_view name,
                             std::vector<std::string_view>& values) {
  if (piece == component.pieces.size()) return name.empty();
  const Piece& now = component.pieces[piece];
  const bool last = piece + 1 == component.pieces.size();
  switch (now.kind) {
    case Piece::Kind::kLiteral:
      return name.starts_with(now.text) &&
             match_name(component, piece + 1, name.substr(now.text.size()), values);
    case Piece::Kind::kName:
      for (std::size_t size = last ? name.size() : 1; size > 0 && size <= name.size(); ++size) {
        if (!match_name(component, piece + 1, name.substr(size), values)) continue;
        values[now.name] = name.substr(0, size);
        return true;
      }
      return false;
    case Piece::Kind::kGlob:
      for (std::size_t size = last ? name.size() : 0; size <= name.size(); ++size) {
        if (now.glob.front().matches(name.substr(0, size)) &&
            match_name(component, piece + 1, name.substr(size), values)) {
          return true;
        }
      }
      return false;
  }
  return false;
}

bool PathPattern::match_path(const Alternative& alternative, std::size_t component, std::string_view path,
                             std::vector<std::string_view>& values) {
  if (component == alternative.size()) return path.empty();
  if (path.empty()) return false;
  const Component& now = alternative[component];
  const bool last = component + 1 == alternative.size();
  if (now.any_directories) {
    if (last) return true;
    while (true) {
      if (match_path(alternative, component + 1, path, values)) return true;
      const std::size_t slash = path.find('/');
      if (slash == std::string_view::npos) return false;
      path.remove_prefix(slash + 1);
    }
  }
  const std::size_t slash = path.find('/');
  // The name of a file cannot be in the middle, and that of a folder cannot be at the end.
  if (last != (slash == std::string_view::npos)) return false;
  const std::string_view name = path.substr(0, slash);
  const std::string_view rest = last ? std::string_view() : path.substr(slash + 1);
  // The rest first: it is mostly what does not fit, and it never sets names of this component.
  return match_path(alternative, component + 1, rest, values) && match_name(now, 0, name, values);
}

bool PathPattern::match(std::string_view path, std::vector<std::string_view>& values) const {
  values.assign(names_.size(), {});
  for (const Alternative& alternative : alternatives_) {
    if (match_path(alternative, 0, path, values)) return true;
  }
  return false;
}

}  // namespace parallelrun
