// What registering does to a dataset: versions are added, and one that is there never changes. Pure; whoever
// keeps datasets (a folder of this machine, a cluster) stores what comes of it. [Dataset.register]
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/spec/dataset.h"

namespace parallelrun {

struct Registration {
  Dataset dataset;                  // as it is now
  std::vector<std::int64_t> added;  // numbers of the new versions; empty: all was there already
  std::int64_t version = 0;         // the newest one, or the one that has the data
};

// `there`: the dataset so far; null: there is none of this name. Errors, of both: kConflict (another type; a
// version that is there with other data), kInvalidArgument (too many versions).

// The versions of `given`, with the numbers that they have.
Result<Registration> register_versions(const Dataset* there, const Dataset& given);

struct NewVersion {
  std::string name;  // of the dataset
  InputType type = InputType::kFile;
  DatasetVersion version;  // `created` is set by the caller
  bool always = false;     // also where the newest version has this data already
};
// A version with the number after the newest one.
Result<Registration> register_version(const Dataset* there, NewVersion given);

}  // namespace parallelrun
