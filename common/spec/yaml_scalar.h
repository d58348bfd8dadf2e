// What an unquoted YAML scalar is, by the rules of document.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/json/json.h"

namespace parallelrun {

// The value of a plain (unquoted) scalar; nothing where JSON cannot hold it (NaN, infinities).
std::optional<nlohmann::json> resolve_plain_scalar(std::string_view text);

}  // namespace parallelrun
