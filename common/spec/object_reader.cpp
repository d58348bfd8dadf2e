#include "common/spec/object_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/spec/nearest_name.h"

namespace parallelrun {

using nlohmann::json;

ObjectReader::ObjectReader(const json* value, std::string path, Problems& problems)
    : path_(std::move(path)), problems_(problems) {
  if (value == nullptr || value->is_null()) return;
  if (value->is_object()) {
    object_ = value;
  } else {
    problems_.add(path_, fmt::format("must be an object, found {}", described(*value)));
  }
}

const json* ObjectReader::field(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  if (object_ == nullptr) return nullptr;
  const auto found = object_->find(key);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

const json* ObjectReader::required(std::string_view key, std::string_view hint) {
  const json* value = field(key);
  if (value == nullptr) problem(key, fmt::format("is required; {}", hint));
  return value;
}

std::optional<std::string> ObjectReader::text(std::string_view key) {
  const json* value = field(key);
  return value == nullptr ? std::nullopt : as_text(*value, path(key), problems_);
}

std::optional<bool> ObjectReader::boolean(std::string_view key) {
  const json* value = field(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  problem(key, fmt::format("must be true or false, found {}{}", described(*value),
                           value->is_string() ? "; write it without quotes" : ""));
  return std::nullopt;
}

std::optional<std::int64_t> ObjectReader::whole_number(std::string_view key, std::int64_t lowest,
                                                       std::int64_t highest) {
  const json* value = field(key);
  return value == nullptr ? std::nullopt : as_whole_number(*value, path(key), lowest, highest, problems_);
}

const json* ObjectReader::list(std::string_view key) {
  const json* value = field(key);
  if (value == nullptr || value->is_array()) return value;
  problem(key, fmt::format("must be a list, found {}", described(*value)));
  return nullptr;
}

const json* ObjectReader::object(std::string_view key) {
  const json* value = field(key);
  if (value == nullptr || value->is_object()) return value;
  problem(key, fmt::format("must be an object, found {}", described(*value)));
  return nullptr;
}

std::vector<std::string> ObjectReader::texts(std::string_view key) {
  std::vector<std::string> items;
  const json* value = list(key);
  if (value == nullptr) return items;
  for (std::size_t i = 0; i < value->size(); ++i) {
    // An item that is refused keeps its place, so that indices in later messages stay right.
    items.push_back(as_text((*value)[i], child_path(path(key), i), problems_).value_or(""));
  }
  return items;
}

void ObjectReader::refuse_unknown() const {
  if (object_ == nullptr) return;
  for (const auto& item : object_->items()) {
    if (problems_.full()) return;
    if (std::find(known_.begin(), known_.end(), item.key()) != known_.end()) continue;
    problems_.add(path(item.key()), "unknown field" + did_you_mean(item.key(), known_));
  }
}

void ObjectReader::not_among(std::string_view key, std::string_view word,
                             const std::vector<std::string>& names) const {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  std::string message = fmt::format("{} is not one of {}", in_quotes(word), all);
  if (const std::string near = nearest_name(word, names); !near.empty()) {
    message += "; did you mean " + in_quotes(near) + "?";
  }
  problem(key, std::move(message));
}

std::optional<std::string> as_text(const json& value, const std::string& path, Problems& problems) {
  if (value.is_string()) return value.get<std::string>();
  std::string message = "must be a string, found " + described(value);
  if (value.is_number()) {
    message += fmt::format("; put it in quotes: \"{}\"", value.dump());
  } else if (value.is_boolean()) {
    message += "; put it in quotes (without quotes, y, yes, on, true and n, no, off, false are booleans)";
  } else if (value.is_null()) {
    message += "; write \"\" for an empty string";
  }
  problems.add(path, std::move(message));
  return std::nullopt;
}

std::optional<std::int64_t> as_whole_number(const json& value, const std::string& path, std::int64_t lowest,
                                            std::int64_t highest, Problems& problems) {
  const auto wrong = [&](std::string_view more) {
    problems.add(path, fmt::format("must be a whole number, found {}{}", described(value), more));
    return std::nullopt;
  };
  const auto out_of_range = [&] {
    problems.add(path, highest == std::numeric_limits<std::int64_t>::max()
                           ? fmt::format("{} is too small; it must be at least {}", value.dump(), lowest)
                           : fmt::format("{} is out of range; it must be from {} to {}", value.dump(), lowest,
                                         highest));
    return std::nullopt;
  };
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const bool digits = !text.empty() && text.find_first_not_of("0123456789+-") == std::string::npos;
    return wrong(digits ? "; write it without quotes" : "");
  }
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::trunc(number) != number) return wrong("");
    if (number < static_cast<double>(lowest) || number > static_cast<double>(highest)) return out_of_range();
    constexpr double kExact = 9007199254740992.0;  // 2^53: beyond it neighbours cannot be told apart
    if (number < -kExact || number > kExact) return out_of_range();
    return static_cast<std::int64_t>(number);
  }
  if (!value.is_number_integer()) return wrong("");
  if (value.is_number_unsigned() &&
      value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return out_of_range();
  }
  const auto number = value.get<std::int64_t>();
  if (number < lowest || number > highest) return out_of_range();
  return number;
}

}  // namespace parallelrun
