// In which fields two settings differ, a row each. Pure.
#pragma once

#include "common/json/json.h"

namespace parallelrun::web {

// [{"field": "inputs[0].glob", "was": "*.csv", "now": null}, ...], at most 200; what is not there is null.
nlohmann::ordered_json settings_difference(const nlohmann::json& was, const nlohmann::json& now);

}  // namespace parallelrun::web
