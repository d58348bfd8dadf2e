#include "common/spec/path_names.h"

#include <algorithm>

#include "common/result/try.h"
#include "common/spec/problems.h"

namespace parallelrun {
namespace {

// Behind the brace that closes the one at `at`; npos: it does not end.
std::size_t behind_brace(std::string_view pattern, std::size_t at) {
  int depth = 0;
  for (std::size_t i = at; i < pattern.size(); ++i) {
    if (pattern[i] == '\\')
      ++i;
    else if (pattern[i] == '{')
      ++depth;
    else if (pattern[i] == '}' && --depth == 0)
      return i + 1;
  }
  return std::string_view::npos;
}

}  // namespace

Result<std::vector<PathPatternPart>> parts_of_path_pattern(std::string_view pattern) {
  const auto wrong = [pattern](const std::string& what) {
    return Error{ErrorCode::kInvalidArgument, in_quotes(pattern) + " " + what};
  };
  std::vector<PathPatternPart> parts;
  std::string glob;
  const auto end_glob = [&] {
    if (!glob.empty()) parts.push_back({false, std::move(glob)});
    glob.clear();
  };
  for (std::size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    if (static_cast<unsigned char>(c) < 0x20) return wrong("contains a control character");
    if (c != '{') {
      const std::size_t size = c == '\\' ? std::min<std::size_t>(2, pattern.size() - i) : 1;
      glob += pattern.substr(i, size);
      i += size;
      continue;
    }
    const std::size_t behind = behind_brace(pattern, i);
    if (behind == std::string_view::npos)
      return wrong("has a '{' without a '}'; write '\\{' for the character");
    const std::string_view inside = pattern.substr(i + 1, behind - i - 2);
    if (inside.find(',') != std::string_view::npos) {
      if (inside.find('{') != std::string_view::npos) {
        return wrong("has braces inside of {a,b}; write the alternatives out, without names in them");
      }
      glob += pattern.substr(i, behind - i);
      i = behind;
      continue;
    }
    if (inside.empty()) return wrong("has '{}', a name without letters; write {name}, or * for any text");
    if (inside.find_first_of("/*?[]\\{") != std::string_view::npos) {
      return wrong("has the name " + in_quotes(inside) + "; a name has none of / * ? [ ] { } \\");
    }
    end_glob();
    const PathPatternPart part{true, std::string(inside)};
    if (std::find(parts.begin(), parts.end(), part) != parts.end()) {
      return wrong("has the name " + in_quotes(inside) + " twice; give each its own");
    }
    if (!parts.empty() && parts.back().is_name) {
      return wrong("has " + in_quotes(inside) + " directly behind another name; write what separates them");
    }
    parts.push_back(part);
    i = behind;
  }
  end_glob();
  return parts;
}

Result<std::vector<std::string>> names_in_path_pattern(std::string_view pattern) {
  ASSIGN_OR_RETURN(const std::vector<PathPatternPart> parts, parts_of_path_pattern(pattern));
  std::vector<std::string> names;
  for (const PathPatternPart& part : parts) {
    if (part.is_name) names.push_back(part.text);
  }
  return names;
}

}  // namespace parallelrun
