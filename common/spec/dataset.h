// The typed ParallelRunDataset: data with a name, in numbered versions that never change. [Dataset.register]
//
// A version is what an input says of its data: `source`, `glob` or `pathPattern`, and of a tabular dataset
// the format and its options; or `parts`, a list of these. So the SDK's workspace, `parallelrun datasets` and
// a cluster have one form.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json.h"
#include "common/spec/document.h"
#include "common/spec/job_spec.h"
#include "common/spec/manifest.h"
#include "common/spec/problems.h"

namespace parallelrun {

inline constexpr std::string_view kDatasetKind = "ParallelRunDataset";
inline constexpr std::size_t kMostDatasetVersions = 256;
inline constexpr std::size_t kMostDatasetParts = 64;  // as many as a job has inputs

struct DatasetVersion {
  std::int64_t version = 1;
  std::vector<nlohmann::json> parts;        // fields of an input but name and type, as written; one or more
  std::string description;                  // empty: none
  std::map<std::string, std::string> tags;  // [tags]
  std::string created;                      // RFC 3339, from who registered it; empty: not said

  bool operator==(const DatasetVersion&) const = default;
  // Whether it is the same data, read in the same way.
  bool same_data(const DatasetVersion& other) const { return parts == other.parts; }
};

struct Dataset {
  std::string name;
  InputType type = InputType::kFile;
  nlohmann::json metadata = nlohmann::json::object();  // labels and annotations, as written
  std::vector<DatasetVersion> versions;                // by number, ascending

  bool operator==(const Dataset&) const = default;
  const DatasetVersion* find(std::int64_t version) const;  // null: it has no such version
  // Precondition: it has a version.
  const DatasetVersion& newest() const { return versions.back(); }
  // "1, 2, 5": at most the newest twenty.
  std::string known_versions() const;
};

struct ParsedDataset {
  Dataset dataset;                    // whole only where ok()
  std::vector<SpecProblem> problems;  // at most Problems::kMost

  bool ok() const { return problems.empty(); }
};

// Never throws on account of the text.
ParsedDataset parse_dataset(std::string_view text, Place place = Place::kAnywhere,
                            ManifestFormat format = ManifestFormat::kAuto);
ParsedDataset parse_dataset_document(const nlohmann::json& document, Place place = Place::kAnywhere);

// The resource. parse_dataset_document(to_json(x)).dataset == x for every x that parse_dataset gave.
nlohmann::json to_json(const Dataset& dataset);
// An item of spec.versions.
nlohmann::json to_json(const DatasetVersion& version);
// The resource as people write it: with its members in the usual order.
nlohmann::ordered_json in_usual_order(const Dataset& dataset);

// "the dataset 'mnist' has no version 3; it has: 1, 2".
std::string no_such_version(const Dataset& dataset, std::int64_t version);

// Makes `local.path` and `caCertificate` absolute; relative ones are meant from `folder`.
void anchor_paths(DatasetVersion& version, const std::filesystem::path& folder);

// Where a version's data lies, for people and without a secret: "/data/mnist/*.png",
// "persistentVolumeClaim data/mnist", "s3://bucket/folder"; of several parts the first and how many more.
std::string place_in_words(const DatasetVersion& version);

}  // namespace parallelrun
