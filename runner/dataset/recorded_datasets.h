// The versions of datasets that a job on this machine began with, as its output directory has them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "common/json/json.h"

namespace parallelrun {

struct RecordedDataset {
  std::string name;
  std::int64_t version = 0;

  bool operator==(const RecordedDataset&) const = default;
};

struct RecordedDatasets {
  std::map<std::string, RecordedDataset> by_holder;  // "inputs.images", "sideInputs.labels"
  nlohmann::json settings;                           // what identifies the job
};

// Of the job in `output_directory`, without a lock. Nothing: there is none with datasets, or it cannot be
// read (whoever starts a job there will say so).
std::optional<RecordedDatasets> recorded_datasets(const std::string& output_directory);

}  // namespace parallelrun
