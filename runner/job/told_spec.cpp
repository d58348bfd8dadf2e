#include "runner/job/told_spec.h"

#include "common/spec/manifest.h"

namespace parallelrun {

nlohmann::json told_spec(const JobSpec& spec) {
  nlohmann::json manifest = to_json(spec);
  const auto environment = manifest["spec"].find("environment");
  if (environment == manifest["spec"].end() || !environment->is_object()) return manifest;
  if (const auto variables = environment->find("variables"); variables != environment->end()) {
    for (nlohmann::json& value : *variables) value = "***";
  }
  if (const auto list = environment->find("env"); list != environment->end()) {
    for (nlohmann::json& variable : *list) {
      if (variable.is_object() && variable.contains("value")) variable["value"] = "***";
    }
  }
  return manifest;
}

}  // namespace parallelrun
