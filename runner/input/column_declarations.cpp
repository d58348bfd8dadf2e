#include "runner/input/column_declarations.h"

#include "common/json/json.h"

namespace parallelrun {

nlohmann::json declared_columns(const Input& input) {
  nlohmann::json columns = nlohmann::json::object();
  for (const auto& [column, type] : input.columns) columns[column] = to_string(type);
  return columns;
}

}  // namespace parallelrun
