// How a job uses datasets: which ones it names, and the manifest with their sources in place of the names.
// Pure: whoever runs the job (one machine, the operator) looks the datasets up.
//
// An input takes over the dataset's type, and of the version what it does not say itself: `glob` or
// `pathPattern` (one of its own takes the place of both), `columns`, and `format` with its options (those of
// another format than its own are left out). Of several parts each is an input: NAME, NAME_2, NAME_3, ...
// A side input is the version's source; a glob that is a name is the file of that name.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json.h"
#include "common/spec/dataset.h"
#include "common/spec/job_spec.h"
#include "common/spec/problems.h"

namespace parallelrun {

// In the manifest of a job whose datasets were looked up, beside the source: {name, version} of the dataset
// that it is of. Not for users to write.
inline constexpr std::string_view kFromDataset = "fromDataset";

// Whether a source is the name of a dataset that is not looked up. Beside another source, Source::dataset is
// the one that it came from.
inline bool names_dataset(const Source& source) {
  return source.dataset.is_object() && !source.local_path && source.volume.is_null() &&
         source.store.is_null();
}
// Whether the input's type is that of such a dataset, so that it is not known here: Source::dataset has this
// member where the manifest says the type.
inline constexpr std::string_view kTyped = "typed";
inline bool has_type_of_dataset(const Input& input) {
  return names_dataset(input.source) && !input.source.dataset.contains(kTyped);
}

struct DatasetUse {
  std::string path;    // of the field: "spec.inputs[0].source.dataset"
  std::string holder;  // "inputs.images", "sideInputs.labels"
  std::string name;
  std::optional<std::int64_t> version;  // nothing: the newest
};

// Those that a manifest names and that are not looked up.
std::vector<DatasetUse> datasets_named_in(const JobSpec& job);
// The same of a manifest that was not read: what has no sound form is left out.
std::vector<DatasetUse> dataset_uses_in(const nlohmann::json& document);
// Those that it was made of.
std::vector<DatasetUse> datasets_looked_up_in(const JobSpec& job);

// {"inputs.images": {"name", "version"}} of those that it was made of, for what is recorded of a job.
nlohmann::json datasets_to_record(const JobSpec& job);

// The version of a dataset that a job was given.
struct PinnedDataset {
  std::string name;
  InputType type = InputType::kFile;
  DatasetVersion version;

  bool operator==(const PinnedDataset&) const = default;
};

struct WithDatasets {
  nlohmann::json document;            // names that are not among the pinned stay
  std::vector<SpecProblem> problems;  // what a job and a dataset say against each other
  std::vector<std::string> notes;     // what is not obvious, a sentence each
};

// `document`: a manifest that was parsed without problems. Of a name without version the highest pinned one
// counts, which is the newest one that there was.
WithDatasets with_datasets(nlohmann::json document, std::span<const PinnedDataset> pinned);

// {name, version, type, and what the version says of its data}, and back; nothing for another form.
nlohmann::json to_json(const PinnedDataset& pinned);
std::optional<PinnedDataset> pinned_dataset_from_json(const nlohmann::json& value);

}  // namespace parallelrun
