#include "common/json/compact_text.h"

namespace parallelrun {

std::string compact_text(const nlohmann::json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace parallelrun
