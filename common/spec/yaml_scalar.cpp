#include "common/spec/yaml_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <system_error>

namespace parallelrun {
namespace {

template <std::size_t N>
bool among(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

constexpr std::array<std::string_view, 11> kTrue = {"y",    "Y",    "yes", "Yes", "YES", "true",
                                                    "True", "TRUE", "on",  "On",  "ON"};
constexpr std::array<std::string_view, 11> kFalse = {"n",     "N",     "no",  "No",  "NO", "false",
                                                     "False", "FALSE", "off", "Off", "OFF"};
constexpr std::array<std::string_view, 5> kNull = {"", "~", "null", "Null", "NULL"};
constexpr std::array<std::string_view, 12> kNotInJson = {
    ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The digits of an integer without its sign, with the base that its prefix names.
struct Digits {
  std::string_view text;
  int base = 10;
};

Digits split_base(std::string_view text) {
  if (text.size() > 1 && text[0] == '0') {
    switch (text[1]) {
      case 'x':
      case 'X':
        return {text.substr(2), 16};
      case 'b':
      case 'B':
        return {text.substr(2), 2};
      case 'o':
      case 'O':
        return {text.substr(2), 8};
      default:
        return {text.substr(1), 8};
    }
  }
  return {text, 10};
}

std::optional<nlohmann::json> as_integer(std::string_view text) {
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  const Digits digits = split_base(text);
  std::uint64_t magnitude = 0;
  const char* end = digits.text.data() + digits.text.size();
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the end is given
  const auto [stop, error] = std::from_chars(digits.text.data(), end, magnitude, digits.base);
  if (error != std::errc() || stop != end) return std::nullopt;
  constexpr std::uint64_t kHighest = INT64_MAX;
  if (!negative) {
    if (magnitude <= kHighest) return nlohmann::json(static_cast<std::int64_t>(magnitude));
    return nlohmann::json(magnitude);
  }
  if (magnitude > kHighest + 1) return std::nullopt;
  return nlohmann::json(static_cast<std::int64_t>(~magnitude + 1));
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool is_float(std::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t start = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i - start;
  };
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
  const std::size_t whole = digits();
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0 && whole == 0) return false;
  } else if (whole == 0) {
    return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

}  // namespace

std::optional<nlohmann::json> resolve_plain_scalar(std::string_view text) {
  if (among(text, kNull)) return nlohmann::json(nullptr);
  if (among(text, kTrue)) return nlohmann::json(true);
  if (among(text, kFalse)) return nlohmann::json(false);
  if (among(text, kNotInJson)) return std::nullopt;
  const char first = text.front();
  if (!is_digit(first) && first != '-' && first != '+' && first != '.') return nlohmann::json(text);

  std::string plain(text);
  std::erase(plain, '_');
  if (plain.empty()) return nlohmann::json(text);
  if (auto integer = as_integer(plain)) return integer;
  if (!is_float(plain)) return nlohmann::json(text);
  double number = 0;
  const char* begin = plain.data() + (plain.front() == '+' ? 1 : 0);
  const char* end = plain.data() + plain.size();
  const auto [stop, error] = std::from_chars(begin, end, number);
  // Out of range: the conversion keeps it as a string, and the field that gets it says what it wants.
  if (error != std::errc() || stop != end || !std::isfinite(number)) return nlohmann::json(text);
  return nlohmann::json(number);
}

}  // namespace parallelrun
