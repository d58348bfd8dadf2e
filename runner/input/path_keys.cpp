#include "runner/input/path_keys.h"

#include <utility>

#include "common/result/try.h"
#include "common/spec/problems.h"

namespace parallelrun {
namespace {

constexpr std::string_view kHiveMissing = "__HIVE_DEFAULT_PARTITION__";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(16 * high + low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

}  // namespace

Result<PathKeys> PathKeys::of(const Input& input) {
  PathKeys keys;
  if (input.path_pattern.empty()) return keys;
  keys.text_ = input.path_pattern;
  ASSIGN_OR_RETURN(keys.pattern_, PathPattern::compile(input.path_pattern));
  return keys;
}

std::optional<std::vector<PathKey>> PathKeys::in(std::string_view path) const {
  std::vector<PathKey> keys;
  if (pattern_) {
    std::vector<std::string_view> values;
    if (!pattern_->match(path, values)) return std::nullopt;
    for (std::size_t i = 0; i < values.size(); ++i)
      keys.push_back({pattern_->names()[i], std::string(values[i])});
    return keys;
  }
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/')) {
    const std::string_view folder = path.substr(0, slash);
    path.remove_prefix(slash + 1);
    const std::size_t equals = folder.find('=');
    if (equals == 0 || equals == std::string_view::npos) continue;
    const std::string_view value = folder.substr(equals + 1);
    keys.push_back({percent_decoded(folder.substr(0, equals)),
                    value == kHiveMissing ? KeyText() : KeyText(percent_decoded(value))});
  }
  return keys;
}

std::string PathKeys::words() const {
  return has_pattern() ? "the pathPattern " + in_quotes(text_) : "folders like key=value";
}

}  // namespace parallelrun
