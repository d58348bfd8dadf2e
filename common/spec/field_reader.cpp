#include "common/spec/field_reader.h"

#include "common/spec/size_text.h"

namespace parallelrun {

using nlohmann::json;

std::optional<double> read_number(ObjectReader& reader, std::string_view key, const Bounds& bounds) {
  const json* value = reader.field(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    reader.problem(key, "must be a number, found " + described(*value));
    return std::nullopt;
  }
  const auto number = value->get<double>();
  if (number >= static_cast<double>(bounds.lowest) && number <= static_cast<double>(bounds.highest)) {
    return number;
  }
  reader.problem(key, fmt::format("{} is out of range; it must be from {} to {}", value->dump(),
                                  bounds.lowest, bounds.highest));
  return std::nullopt;
}

std::optional<char> read_character(ObjectReader& reader, std::string_view key) {
  const std::optional<std::string> text = reader.text(key);
  if (!text) return std::nullopt;
  if (text->size() == 1 && static_cast<unsigned char>(text->front()) < 0x80) return text->front();
  reader.problem(key,
                 in_quotes(*text) + " is not one ASCII character; write a tab as \"\\t\" in double quotes");
  return std::nullopt;
}

std::optional<std::string> read_size(ObjectReader& reader, std::string_view key) {
  const json* value = reader.field(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_integer() && *value > 0) return value->dump();
  auto text = value->is_number() ? std::optional(value->dump()) : reader.text(key);
  if (!text) return std::nullopt;
  if (!value->is_number() && bytes_of_size(*text)) return text;
  reader.problem(key, in_quotes(*text) + " is not a size; write a size such as 512Mi or 2Gi");
  return std::nullopt;
}

std::optional<json> read_verbatim(ObjectReader& reader, std::string_view key, Verbatim kind,
                                  const Bounds& bounds) {
  std::optional<json> value;
  switch (kind) {
    case Verbatim::kBoolean:
      if (const auto given = reader.boolean(key)) value = *given;
      break;
    case Verbatim::kSeconds:
      if (const auto given = reader.whole_number(key, bounds.lowest, bounds.highest)) value = *given;
      break;
    case Verbatim::kText:
      if (const auto given = reader.text(key)) value = *given;
      break;
    case Verbatim::kObject:
      if (const json* given = reader.object(key)) value = *given;
      break;
  }
  return value;
}

bool refused_not_yet(ObjectReader& reader, std::string_view key, const NotYet& not_yet) {
  const json* value = reader.field(key);
  if (value == nullptr || !value->is_string()) return false;
  const auto& word = value->get_ref<const std::string&>();
  for (std::string_view rest = not_yet.words; !rest.empty();) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    if (word == rest.substr(0, end)) {
      reader.problem(key, fmt::format("{} is not supported yet; {}", in_quotes(word), not_yet.instead));
      return true;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

}  // namespace parallelrun
