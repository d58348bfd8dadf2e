#include "runner/cli/dataset_argument.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace parallelrun {
namespace {

class LookUp {
 public:
  LookUp(const ReadManifest& manifest, const LocalOverrides& overrides, const DatasetFolder& folder,
         const RecordedDatasets* recorded)
      : manifest_(manifest), overrides_(overrides), folder_(folder), recorded_(recorded) {}

  DatasetsLookedUp run() {
    for (const DatasetUse& use : datasets_named_in(manifest_.spec)) look_up(use);
    if (!result_.ok()) return std::move(result_);
    nlohmann::json document = manifest_.document;
    give_versions(document);
    WithDatasets made = with_datasets(std::move(document), pinned_);
    result_.problems = std::move(made.problems);
    for (std::string& note : made.notes) result_.told.push_back("note: " + std::move(note));
    if (!result_.ok()) return std::move(result_);
    ParsedSpec parsed = parse_manifest_document(made.document);
    result_.problems = std::move(parsed.problems);
    result_.spec = std::move(parsed.spec);
    return std::move(result_);
  }

 private:
  void problem(const DatasetUse& use, std::string message) {
    result_.problems.push_back({use.path, std::move(message), 0});
  }

  const Result<Dataset>& dataset(const std::string& name) {
    const auto found = datasets_.find(name);
    if (found != datasets_.end()) return found->second;
    return datasets_.emplace(name, folder_.read(name)).first->second;
  }

  // The option that gives a directory in its place; empty: none does.
  std::string option_for(const DatasetUse& use) const {
    const auto [field, name] =
        std::pair(use.holder.substr(0, use.holder.find('.')), use.holder.substr(use.holder.find('.') + 1));
    if (field == "inputs") return overrides_.inputs.contains(name) ? "--input" : "";
    return overrides_.side_inputs.contains(name) ? "--side-input" : "";
  }

  // Whether what an option gives needs no dataset: the manifest says itself what it is.
  bool needs_none(const DatasetUse& use) const {
    return !option_for(use).empty() &&
           std::none_of(manifest_.spec.inputs.begin(), manifest_.spec.inputs.end(), [&](const Input& input) {
             return has_type_of_dataset(input) && use.holder == "inputs." + input.name;
           });
  }

  std::optional<std::int64_t> recorded_version(const DatasetUse& use) const {
    if (recorded_ == nullptr || use.version) return std::nullopt;
    const auto found = recorded_->by_holder.find(use.holder);
    if (found == recorded_->by_holder.end() || found->second.name != use.name) return std::nullopt;
    return found->second.version;
  }

  void look_up(const DatasetUse& use) {
    const Result<Dataset>& found = dataset(use.name);
    if (!found) {
      if (found.error().code == ErrorCode::kNotFound && needs_none(use)) return;
      const bool untyped = found.error().code == ErrorCode::kNotFound && !option_for(use).empty();
      return problem(use,
                     found.error().message +
                         (untyped ? "; or say the input's type in the manifest, and what else the dataset "
                                    "says of it"
                                  : ""));
    }
    const std::int64_t newest = found->newest().version;
    const std::optional<std::int64_t> begun_with = recorded_version(use);
    const std::int64_t number = use.version.value_or(begun_with.value_or(newest));
    const DatasetVersion* version = found->find(number);
    if (version == nullptr) return problem(use, no_such_version(*found, number));
    versions_[use.path] = number;
    pinned_.push_back({use.name, found->type, *version});
    std::string words = fmt::format("{}: dataset {}, version {} ({})", use.holder, in_quotes(use.name),
                                    number, place_in_words(*version));
    if (begun_with && number != newest) {
      result_.held_back = true;
      words += fmt::format(
          ", with which the job began; version {} is there now: to use it, start the job in another output "
          "directory, or write version: {} and give --overwrite",
          newest, newest);
    } else if (!use.version) {
      words += ", the newest";
    }
    if (const std::string option = option_for(use); !option.empty())
      words += fmt::format("; {} gives another directory in its place", option);
    result_.told.push_back(std::move(words));
  }

  // So that each name means the version that was chosen for it.
  void give_versions(nlohmann::json& document) const {
    const auto give = [&](const char* field, std::size_t i, nlohmann::json& item) {
      const auto found = versions_.find(fmt::format("spec.{}[{}].source.dataset", field, i));
      if (found != versions_.end()) item["source"]["dataset"]["version"] = found->second;
    };
    nlohmann::json& spec = document["spec"];
    for (const char* field : {"inputs", "sideInputs"}) {
      if (!spec.contains(field) || !spec[field].is_array()) continue;
      for (std::size_t i = 0; i < spec[field].size(); ++i) give(field, i, spec[field][i]);
    }
  }

  const ReadManifest& manifest_;
  const LocalOverrides& overrides_;
  const DatasetFolder& folder_;
  const RecordedDatasets* recorded_;
  std::map<std::string, Result<Dataset>> datasets_;
  std::map<std::string, std::int64_t> versions_;  // by path of the field
  std::vector<PinnedDataset> pinned_;
  DatasetsLookedUp result_;
};

}  // namespace

DatasetsLookedUp look_up_datasets(const ReadManifest& manifest, const LocalOverrides& overrides,
                                  const DatasetFolder& folder, const RecordedDatasets* recorded) {
  return LookUp(manifest, overrides, folder, recorded).run();
}

}  // namespace parallelrun
