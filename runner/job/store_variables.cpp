#include "runner/job/store_variables.h"

#include "common/json/members.h"
#include "common/spec/store_sources.h"

namespace parallelrun {

std::set<std::string, std::less<>> withheld_variables(const JobSpec& spec,
                                                      const std::vector<nlohmann::json>& stores) {
  std::set<std::string, std::less<>> names;
  for (const nlohmann::json& store : stores) {
    if (const StoreKind* kind = find_store_kind(store.begin().key()))
      names.insert(kind->variables.begin(), kind->variables.end());
  }
  for (const nlohmann::json& entry : spec.environment.env) names.erase(text_at(entry, "name"));
  return names;
}

std::vector<nlohmann::json> stores_without_secret(const JobSpec& spec) {
  std::vector<nlohmann::json> found;
  const auto look = [&](const Source& source) {
    if (source.store.is_object() && store_secret(source.store).empty()) found.push_back(source.store);
  };
  if (spec.source_directory) look(*spec.source_directory);
  for (const Input& input : spec.inputs) look(input.source);
  for (const SideInput& side : spec.side_inputs) look(side.source);
  return found;
}

}  // namespace parallelrun
