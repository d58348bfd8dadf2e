// The datasets that a manifest names, looked up on this machine.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/spec/dataset_use.h"
#include "runner/cli/manifest_argument.h"
#include "runner/dataset/dataset_folder.h"
#include "runner/dataset/recorded_datasets.h"
#include "runner/job/local_resolution.h"

namespace parallelrun {

inline constexpr const char* kDatasetsOption =
    "DIR: the folder of registered datasets; default: PARALLELRUN_DATASETS, else "
    "~/.local/share/parallelrun/datasets";

struct DatasetsLookedUp {
  JobSpec spec;                   // whole only where ok()
  std::vector<std::string> told;  // for the first lines of a run, a sentence each
  std::vector<SpecProblem> problems;
  bool held_back = false;  // a version of `recorded` was taken, and a newer one is there

  bool ok() const { return problems.empty(); }
};

// A name without version means the newest one, or the one that `recorded` has for
// the same input. An input with --input (a side input with --side-input) of `overrides` may name a dataset
// that is not here, if it says its type itself. Reads the folder.
DatasetsLookedUp look_up_datasets(const ReadManifest& manifest, const LocalOverrides& overrides,
                                  const DatasetFolder& folder, const RecordedDatasets* recorded);

}  // namespace parallelrun
