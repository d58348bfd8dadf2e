#include "runner/input/key_value.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace parallelrun {
namespace {

std::string_view trimmed_key(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

struct WholeKey {
  bool negative = false;
  std::uint64_t size = 0;
};

// A whole number that int64 or uint64 holds.
std::optional<WholeKey> whole_key(std::string_view text) {
  text = trimmed_key(text);
  WholeKey number;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    number.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number.size);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  constexpr std::uint64_t kLeast = std::uint64_t{1} << 63U;
  if (number.negative && number.size > kLeast) return std::nullopt;
  if (number.size == 0) number.negative = false;
  return number;
}

std::optional<double> number_key(std::string_view text) {
  text = trimmed_key(text);
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  if (text.empty()) return std::nullopt;
  double value = 0;
  if (text.find('(') != std::string_view::npos) return std::nullopt;  // nan(...) is a text for pandas
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  // Too large for a double, or too near to 0: from_chars does not say which of the two.
  if (error == std::errc::result_out_of_range) return std::strtod(std::string(text).c_str(), nullptr);
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::string number_text(double value) {
  if (std::isnan(value)) return {};
  if (value == 0) value = 0;  // without the sign of -0.0
  std::array<char, 40> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end};
}

std::optional<std::string> bool_key(std::string_view text) {
  if (text == "True" || text == "TRUE" || text == "true") return "true";
  if (text == "False" || text == "FALSE" || text == "false") return "false";
  return std::nullopt;
}

}  // namespace

KeyType key_type_of(ColumnType declared) {
  switch (declared) {
    case ColumnType::kInt64:
      return KeyType::kInt64;
    case ColumnType::kFloat64:
      return KeyType::kFloat64;
    case ColumnType::kBool:
      return KeyType::kBool;
    case ColumnType::kString:
    case ColumnType::kDatetime:
      break;
  }
  return KeyType::kText;
}

std::optional<std::string> canonical_key(std::string_view text, KeyType type) {
  switch (type) {
    case KeyType::kText:
    case KeyType::kOther:
      break;
    case KeyType::kInt64:
    case KeyType::kUint64: {
      const std::optional<WholeKey> found = whole_key(text);
      if (!found || (type == KeyType::kUint64 && found->negative)) return std::nullopt;
      if (type == KeyType::kInt64 && !found->negative && found->size >> 63U != 0) return std::nullopt;
      return (found->negative ? "-" : "") + std::to_string(found->size);
    }
    case KeyType::kFloat64: {
      const std::optional<double> value = number_key(text);
      return value ? std::optional(number_text(*value)) : std::nullopt;
    }
    case KeyType::kBool:
      return bool_key(text);
  }
  return std::string(text);
}

std::string loose_key(std::string_view text) {
  if (const std::optional<double> value = number_key(text)) return number_text(*value);
  if (auto value = bool_key(text)) return std::move(*value);
  return std::string(text);
}

void KeyTypeInference::add(std::string_view text) {
  any_ = true;
  bools_ = bools_ && bool_key(text).has_value();
  if (!numbers_) return;
  const std::optional<WholeKey> found = whole_key(text);
  if (found) {
    negative_ = negative_ || found->negative;
    beyond_int64_ = beyond_int64_ || (!found->negative && found->size >> 63U != 0);
    return;
  }
  whole_ = false;
  const std::optional<double> value = number_key(text);
  // Digits alone that no type of whole numbers holds stay text, as pandas has it.
  numbers_ = value && trimmed_key(text).find_first_not_of("+-0123456789") != std::string_view::npos;
}

KeyType KeyTypeInference::type() const {
  if (!any_) return KeyType::kText;
  if (bools_) return KeyType::kBool;
  if (!numbers_) return KeyType::kText;
  if (!whole_) return KeyType::kFloat64;
  if (!beyond_int64_) return KeyType::kInt64;
  // With a gap pandas has no whole numbers of such a size, and keeps texts.
  return negative_ || missing_ ? KeyType::kText : KeyType::kUint64;
}

KeyTexts canonical_keys(const KeyTexts& texts, const std::vector<KeyType>& types) {
  KeyTexts out;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    KeyText& text = out.emplace_back(texts[i]);
    if (!text) continue;
    const std::optional<std::string> canonical = canonical_key(*texts[i], types[i]);
    if (!canonical) continue;
    if (canonical->empty() && types[i] != KeyType::kText && types[i] != KeyType::kOther) {
      text.reset();
    } else {
      text = canonical;
    }
  }
  return out;
}

std::string packed(const KeyTexts& texts) {
  std::string out;
  for (const KeyText& text : texts) {
    if (!text) {
      out += '\x02';
      continue;
    }
    out += '\x01';
    for (const char c : *text) {  // an end that is less than every byte
      out += c;
      if (c == '\0') out += '\x01';
    }
    out += '\0';
    out += '\0';
  }
  return out;
}

}  // namespace parallelrun
