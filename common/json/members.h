// Members of JSON objects as others wrote them: what is missing or of another type reads as empty, and so
// does every member of a value that is no object.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/json/json.h"

namespace parallelrun {

// Lives as long as `value`.
const nlohmann::json& object_at(const nlohmann::json& value, const char* name);
std::string text_at(const nlohmann::json& value, const char* name);
// Whole numbers of any sign.
std::optional<std::int64_t> number_at(const nlohmann::json& value, const char* name);
// Whole numbers that are not negative; otherwise 0.
std::uint64_t count_at(const nlohmann::json& value, const char* name);

}  // namespace parallelrun
