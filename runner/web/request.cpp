#include "runner/web/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "common/text/presentable.h"

namespace parallelrun::web {
namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_space) c = ' ';
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = digit_of(text[i + 1]);
      const int low = digit_of(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    out.push_back(c);
  }
  return out;
}

bool take_path(std::string_view text, Target& target) {
  if (!text.starts_with('/')) return false;
  for (std::size_t begin = 1; begin <= text.size();) {
    const std::size_t end = std::min(text.find('/', begin), text.size());
    auto part = decoded(text.substr(begin, end - begin), false);
    if (!part || *part == "." || *part == ".." || part->find('/') != std::string::npos) return false;
    target.path.push_back(std::move(*part));
    begin = end + 1;
  }
  return true;
}

bool take_query(std::string_view text, Target& target) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('&', begin), text.size());
    const std::string_view pair = text.substr(begin, end - begin);
    begin = end + 1;
    if (pair.empty()) continue;
    const std::size_t sign = std::min(pair.find('='), pair.size());
    auto name = decoded(pair.substr(0, sign), true);
    auto value = decoded(pair.substr(std::min(sign + 1, pair.size())), true);
    if (!name || !value || !target.query.emplace(std::move(*name), std::move(*value)).second) return false;
  }
  return true;
}

}  // namespace

std::string Target::text(const std::string& name) const {
  const auto found = query.find(name);
  return found == query.end() ? "" : found->second;
}

Result<std::int64_t> Target::number(const std::string& name, std::int64_t otherwise, std::int64_t least,
                                    std::int64_t most) const {
  const auto found = query.find(name);
  if (found == query.end()) return otherwise;
  const std::string& text = found->second;
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || value < least || value > most)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} is '{}', but must be a whole number from {} to {}", name,
                             presentable(text.substr(0, 40)), least, most)};
  return value;
}

std::optional<Target> parse_target(std::string_view text) {
  Target target;
  const std::size_t mark = std::min(text.find('?'), text.size());
  if (!take_path(text.substr(0, mark), target)) return std::nullopt;
  if (mark < text.size() && !take_query(text.substr(mark + 1), target)) return std::nullopt;
  return target;
}

std::string query_text(const std::map<std::string, std::string>& query) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto encoded = [](std::string_view text, std::string& out) {
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                         c == '-' || c == '_' || c == '.' || c == '~';
      if (plain) {
        out.push_back(c);
      } else {
        out.push_back('%');
        out.push_back(kDigits[byte >> 4U]);
        out.push_back(kDigits[byte & 0xFU]);
      }
    }
  };
  std::string out;
  for (const auto& [name, value] : query) {
    if (!out.empty()) out.push_back('&');
    encoded(name, out);
    out.push_back('=');
    encoded(value, out);
  }
  return out;
}

}  // namespace parallelrun::web
