// How a place in a manifest is written: "spec.inputs[0].glob", "spec.environment.variables[\"a.b\"]".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/result/result.h"

namespace parallelrun {

// The path of a member or an item of what lies at `parent` (empty: the document).
std::string child_path(std::string_view parent, std::string_view key);
std::string child_path(std::string_view parent, std::size_t index);

using PathSegment = std::variant<std::string, std::size_t>;  // a key, or an index from 0

// Reads what child_path writes. Keys may also be quoted ("a.b" or 'a.b' in brackets).
// Errors: kInvalidArgument, saying what is wrong at which character.
Result<std::vector<PathSegment>> parse_field_path(std::string_view text);

}  // namespace parallelrun
