#include "runner/dataset/recorded_datasets.h"

#include <fstream>

#include "common/json/members.h"

namespace parallelrun {

using nlohmann::json;

std::optional<RecordedDatasets> recorded_datasets(const std::string& output_directory) {
  std::ifstream file(output_directory + "/.parallelrun/job.json", std::ios::binary);
  if (!file) return std::nullopt;
  const json document = json::parse(file, nullptr, false);
  const json& datasets = object_at(document, "datasets");
  RecordedDatasets recorded;
  recorded.settings = object_at(document, "settings");
  for (const auto& [holder, value] : datasets.items()) {
    const auto version = number_at(value, "version");
    if (version && *version > 0) recorded.by_holder[holder] = {text_at(value, "name"), *version};
  }
  if (recorded.by_holder.empty()) return std::nullopt;
  return recorded;
}

}  // namespace parallelrun
