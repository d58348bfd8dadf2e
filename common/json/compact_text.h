// A document as text in one line. Pure.
#pragma once

#include <string>

#include "common/json/json.h"

namespace parallelrun {

// Never throws for what a document holds: bytes that are no UTF-8 (of file names, say) become U+FFFD.
std::string compact_text(const nlohmann::json& document);

}  // namespace parallelrun
