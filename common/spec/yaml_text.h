// JSON as the YAML text that this project writes. Pure.
#pragma once

#include <string>

#include "common/json/json.h"

namespace parallelrun {

// With a line break at the end. In ASCII, and with all texts in quotes: no reader takes "no" or "1.0" for
// something else.
std::string yaml_text(const nlohmann::ordered_json& document);

}  // namespace parallelrun
