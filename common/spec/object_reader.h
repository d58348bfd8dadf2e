// Reads typed fields out of one JSON object and says everything that is wrong with it: wrong types with
// the type found, values out of range, missing fields, unknown fields with the nearest known one.
//
// A field that is null counts as absent, as the API server has it. A reader refers to the value and the
// problems, which must outlive it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/json/json.h"
#include "common/spec/field_path.h"
#include "common/spec/problems.h"

namespace parallelrun {

class ObjectReader {
 public:
  // `value` may be null: then every field is absent. Anything but an object is a problem, told once.
  ObjectReader(const nlohmann::json* value, std::string path, Problems& problems);

  bool is_object() const { return object_ != nullptr; }
  const std::string& path() const { return path_; }
  std::string path(std::string_view key) const { return child_path(path_, key); }
  Problems& problems() const { return problems_; }
  void problem(std::string_view key, std::string message) const {
    problems_.add(path(key), std::move(message));
  }

  // The value of a field, or null where it is absent. This is also what makes a field known.
  const nlohmann::json* field(std::string_view key);
  // Like field(); absence is a problem ("is required; <hint>").
  const nlohmann::json* required(std::string_view key, std::string_view hint);

  // Absent and (after a problem) unusable values give nothing.
  std::optional<std::string> text(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::int64_t> whole_number(std::string_view key, std::int64_t lowest, std::int64_t highest);
  std::vector<std::string> texts(std::string_view key);
  const nlohmann::json* list(std::string_view key);
  const nlohmann::json* object(std::string_view key);

  // The value that goes with one of the words.
  template <typename T>
  std::optional<T> choice(std::string_view key, std::span<const std::pair<std::string, T>> words) {
    const std::optional<std::string> word = text(key);
    if (!word) return std::nullopt;
    std::vector<std::string> names;
    for (const auto& [name, value] : words) {
      if (name == *word) return value;
      names.push_back(name);
    }
    not_among(key, *word, names);
    return std::nullopt;
  }

  // Call it when all fields have been asked for.
  void refuse_unknown() const;

 private:
  void not_among(std::string_view key, std::string_view word, const std::vector<std::string>& names) const;

  const nlohmann::json* object_ = nullptr;
  std::string path_;
  Problems& problems_;
  std::vector<std::string> known_;
};

// `value` as a string; a problem, with how to write it, where it is something else.
std::optional<std::string> as_text(const nlohmann::json& value, const std::string& path, Problems& problems);
std::optional<std::int64_t> as_whole_number(const nlohmann::json& value, const std::string& path,
                                            std::int64_t lowest, std::int64_t highest, Problems& problems);

}  // namespace parallelrun
