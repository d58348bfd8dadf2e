// The column types of a tabular input: as a worker process replies them, and in the one form in which they
// are sent and stored. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "common/result/result.h"

namespace parallelrun {

// Column types of an input, once they are decided: JSON {"input": 0, "types": {"a": "int64", ...}}.
struct InputInfo {
  std::uint32_t input = 0;
  std::string types;
};

// Whether this is an object of texts, as the member "types" is.
bool are_column_types(const nlohmann::json& json);

// What a worker process replied ({"types": {...}}). Errors: kCorrupt when it is not that.
Result<InputInfo> input_info_of(std::uint32_t input, const std::string& reply);

// `known` with the types of `reply`, a JSON {"types": {...}}, for those of its columns that had no value in
// the sample (type "missing"); none when that changes nothing. Errors: kCorrupt.
Result<std::optional<InputInfo>> widened(const InputInfo& known, const std::string& reply);

}  // namespace parallelrun
