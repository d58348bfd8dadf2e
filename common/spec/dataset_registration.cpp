#include "common/spec/dataset_registration.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/result/try.h"

namespace parallelrun {
namespace {

Error conflict(std::string message) { return Error{ErrorCode::kConflict, std::move(message), false}; }

Result<Registration> begin(const Dataset* there, const std::string& name, InputType type) {
  Registration begun;
  if (there == nullptr) {
    begun.dataset.name = name;
    begun.dataset.type = type;
    return begun;
  }
  if (there->type != type) {
    return conflict(
        fmt::format("the dataset {} is {}, and all its versions are; this one is {}: give it another name",
                    in_quotes(name), to_string(there->type), to_string(type)));
  }
  begun.dataset = *there;
  return begun;
}

Result<Registration> bounded(Registration registration) {
  const std::size_t count = registration.dataset.versions.size();
  if (count <= kMostDatasetVersions) return registration;
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("the dataset {} would have {} versions; at most {} are allowed. Register further "
                           "ones under another name",
                           in_quotes(registration.dataset.name), count, kMostDatasetVersions),
               false};
}

}  // namespace

Result<Registration> register_versions(const Dataset* there, const Dataset& given) {
  ASSIGN_OR_RETURN(Registration registration, begin(there, given.name, given.type));
  std::vector<DatasetVersion>& versions = registration.dataset.versions;
  for (const DatasetVersion& version : given.versions) {
    if (const DatasetVersion* same = registration.dataset.find(version.version)) {
      if (same->same_data(version)) continue;
      return conflict(fmt::format(
          "version {} of the dataset {} is there with other data ({}), and a version never changes; give "
          "the new data a number that is free, such as {}",
          version.version, in_quotes(given.name), place_in_words(*same), versions.back().version + 1));
    }
    registration.added.push_back(version.version);
    versions.insert(std::upper_bound(versions.begin(), versions.end(), version,
                                     [](const DatasetVersion& a, const DatasetVersion& b) {
                                       return a.version < b.version;
                                     }),
                    version);
  }
  for (const auto& [key, value] : given.metadata.items()) registration.dataset.metadata[key] = value;
  registration.version = registration.dataset.newest().version;
  return bounded(std::move(registration));
}

Result<Registration> register_version(const Dataset* there, NewVersion given) {
  ASSIGN_OR_RETURN(Registration registration, begin(there, given.name, given.type));
  std::vector<DatasetVersion>& versions = registration.dataset.versions;
  if (!versions.empty() && versions.back().same_data(given.version) && !given.always) {
    registration.version = versions.back().version;
    return registration;
  }
  given.version.version = versions.empty() ? 1 : versions.back().version + 1;
  registration.version = given.version.version;
  registration.added.push_back(given.version.version);
  versions.push_back(std::move(given.version));
  return bounded(std::move(registration));
}

}  // namespace parallelrun
