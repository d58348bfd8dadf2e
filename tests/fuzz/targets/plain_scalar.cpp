// Unquoted scalars beside a reader of whole numbers of our own, and beside the same text within a document.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "common/json/json.h"
#include "common/spec/document.h"
#include "common/spec/utf8.h"
#include "common/spec/yaml_scalar.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

using nlohmann::json;
__extension__ using Wide = unsigned __int128;

// [+-]?(0x|0b|0o|0)?digits, in 128 bits; nothing where it is none or does not fit into JSON's integers.
std::optional<json> whole_number(std::string text) {
  if (text.starts_with('_')) return std::nullopt;
  std::erase(text, '_');
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.erase(0, 1);
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  unsigned base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char mark = text[1] < 'a' ? static_cast<char>(text[1] + ('a' - 'A')) : text[1];
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    text.erase(0, base == 8 && mark != 'o' ? 1 : 2);
  }
  if (text.empty()) return std::nullopt;
  Wide value = 0;
  for (const char c : text) {
    const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a' + 10)
                           : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A' + 10)
                                                  : 99;
    if (digit >= base) return std::nullopt;
    value = value * base + digit;
    if (value > UINT64_MAX) return std::nullopt;
  }
  if (!negative) return json(static_cast<std::uint64_t>(value));
  if (value > static_cast<Wide>(INT64_MAX) + 1) return std::nullopt;
  return json(static_cast<std::int64_t>(~static_cast<std::uint64_t>(value) + 1));
}

// Nothing in it that YAML gives a meaning of its own.
bool is_plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
           c == '.' || c == '_' || c == '~';
  });
}

FUZZ_TARGET(plain_scalar) {
  if (!is_utf8(bytes)) return;
  const std::string text(bytes);
  const std::optional<json> value = resolve_plain_scalar(text);
  const std::optional<json> number = whole_number(text);
  HOLDS_ELSE(text, !number || (value && *value == *number));
  if (value) {
    HOLDS_ELSE(text, value->is_primitive());
    if (value->is_string()) HOLDS_ELSE(text, value->get_ref<const std::string&>() == text);
    if (value->is_number_integer()) HOLDS_ELSE(text, number.has_value());
    if (value->is_number_float()) {
      const double float_value = value->get<double>();
      std::string plain = text;
      std::erase(plain, '_');
      HOLDS_ELSE(text, std::isfinite(float_value) && float_value == std::strtod(plain.c_str(), nullptr));
    }
    HOLDS_ELSE(text, json::parse(value->dump()) == *value);
  }
  if (!is_plain(text)) return;
  Problems problems;
  const Document document = parse_document("a: " + text, ManifestFormat::kYaml, problems);
  HOLDS_ELSE(text, problems.empty() == value.has_value());
  if (value) HOLDS_ELSE(text, document.root.at("a") == *value);
}

}  // namespace
}  // namespace parallelrun
