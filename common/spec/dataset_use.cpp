#include "common/spec/dataset_use.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "common/spec/field_path.h"
#include "common/spec/read_spec.h"
#include "common/spec/store_sources.h"

namespace parallelrun {
namespace {

using nlohmann::json;

constexpr std::array<const char*, 8> kOptionsOfFormat = {"delimiter", "quote",       "escape",   "comment",
                                                         "header",    "columnNames", "encoding", "naValues"};

bool says(const json& object, const char* key) { return object.contains(key) && !object[key].is_null(); }

std::string text_in(const json& object, const char* key) {
  return says(object, key) && object[key].is_string() ? object[key].get<std::string>() : std::string();
}

// Of one list the uses that `wanted` takes.
template <typename Named, typename Wanted>
void add_uses(const std::vector<Named>& list, std::string_view field, Wanted wanted,
              std::vector<DatasetUse>& uses) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Source& source = list[i].source;
    if (!source.dataset.is_object() || !wanted(source)) continue;
    DatasetUse use;
    use.path = child_path(child_path(child_path("spec", field), i), "source") + ".dataset";
    use.holder = child_path(field, list[i].name);
    use.name = source.dataset.value("name", "");
    if (source.dataset.contains("version")) use.version = source.dataset["version"].get<std::int64_t>();
    uses.push_back(std::move(use));
  }
}

template <typename Wanted>
std::vector<DatasetUse> uses_in(const JobSpec& job, Wanted wanted) {
  std::vector<DatasetUse> uses;
  add_uses(job.inputs, "inputs", wanted, uses);
  add_uses(job.side_inputs, "sideInputs", wanted, uses);
  return uses;
}

const PinnedDataset* find(std::span<const PinnedDataset> pinned, const json& reference) {
  const std::string name = text_in(reference, "name");
  const PinnedDataset* newest = nullptr;
  for (const PinnedDataset& one : pinned) {
    if (one.name != name) continue;
    if (says(reference, "version")) {
      if (reference["version"] == one.version.version) return &one;
    } else if (newest == nullptr || newest->version.version < one.version.version) {
      newest = &one;
    }
  }
  return newest;
}

// The dataset that an item of inputs or side inputs names; null: it names none.
const json* reference_in(const json& item) {
  if (!item.is_object() || !says(item, "source") || !item["source"].is_object()) return nullptr;
  const json& source = item["source"];
  return says(source, "dataset") && source["dataset"].is_object() ? &source["dataset"] : nullptr;
}

json source_of(const json& part, const PinnedDataset& pinned) {
  json source = part.at("source");
  source[std::string(kFromDataset)] = {{"name", pinned.name}, {"version", pinned.version.version}};
  return source;
}

DataFormat format_of(const json& item) {
  static const std::array<DataFormat, 4> kAll = {DataFormat::kCsv, DataFormat::kTsv, DataFormat::kJsonLines,
                                                 DataFormat::kParquet};
  const std::string word = text_in(item, "format");
  const auto found =
      std::find_if(kAll.begin(), kAll.end(), [&](DataFormat format) { return to_string(format) == word; });
  if (found != kAll.end()) return *found;
  const std::string glob = text_in(item, "glob");
  return format_by_ending(glob.empty() ? text_in(item, "pathPattern") : glob);
}

// What the input says, and for the rest what the part says.
json merged(json input, const json& part, const PinnedDataset& pinned) {
  input["source"] = source_of(part, pinned);
  const bool own_files = says(input, "glob") || says(input, "pathPattern");
  const bool other_format = says(input, "format") && format_of(input) != format_of(part);
  // Files of other names have the format all the same.
  if (pinned.type == InputType::kTabular && own_files && !says(input, "format"))
    input["format"] = to_string(format_of(part));
  for (const auto& [key, value] : part.items()) {
    if (key == "source" || value.is_null() || says(input, key.c_str())) continue;
    if (own_files && (key == "glob" || key == "pathPattern")) continue;
    const bool of_format =
        std::find(kOptionsOfFormat.begin(), kOptionsOfFormat.end(), key) != kOptionsOfFormat.end();
    if (other_format && of_format) continue;
    input[key] = value;
  }
  return input;
}

class Replacement {
 public:
  Replacement(json document, std::span<const PinnedDataset> pinned) : pinned_(pinned) {
    result_.document = std::move(document);
  }

  WithDatasets run() {
    if (!result_.document.is_object() || !says(result_.document, "spec")) return std::move(result_);
    json& spec = result_.document["spec"];
    if (says(spec, "inputs") && spec["inputs"].is_array()) spec["inputs"] = inputs(spec["inputs"]);
    if (says(spec, "sideInputs") && spec["sideInputs"].is_array()) {
      for (std::size_t i = 0; i < spec["sideInputs"].size(); ++i)
        side_input(child_path("spec.sideInputs", i), spec["sideInputs"][i]);
    }
    return std::move(result_);
  }

 private:
  void problem(std::string path, std::string message) {
    result_.problems.push_back({std::move(path), std::move(message), 0});
  }

  json inputs(const json& list) {
    json out = json::array();
    for (std::size_t i = 0; i < list.size(); ++i) {
      const json* reference = reference_in(list[i]);
      const PinnedDataset* pinned = reference == nullptr ? nullptr : find(pinned_, *reference);
      if (pinned == nullptr) {
        out.push_back(list[i]);
        continue;
      }
      input(child_path("spec.inputs", i), list[i], *pinned, out);
    }
    return out;
  }

  void input(const std::string& path, json item, const PinnedDataset& pinned, json& out) {
    const std::string_view type = to_string(pinned.type);
    if (says(item, "type") && item["type"] != type) {
      problem(child_path(path, "type"),
              fmt::format("is {}, but the dataset {} is {}; remove it, or name another dataset",
                          text_in(item, "type"), in_quotes(pinned.name), type));
    }
    item["type"] = type;
    const std::string name = text_in(item, "name");
    const std::vector<json>& parts = pinned.version.parts;
    for (std::size_t k = 0; k < parts.size(); ++k) {
      json one = merged(item, parts[k], pinned);
      if (k > 0) one["name"] = fmt::format("{}_{}", name, k + 1);
      out.push_back(std::move(one));
    }
    if (parts.size() > 1) {
      result_.notes.push_back(
          fmt::format("the dataset {} has {} folders, so the input {} becomes {} inputs, {} to {}_{}; "
                      "$(inputs.{}) is the "
                      "first folder",
                      in_quotes(pinned.name), parts.size(), in_quotes(name), parts.size(), name, name,
                      parts.size(), name));
    }
  }

  void side_input(const std::string& path, json& item) {
    const json* reference = reference_in(item);
    const PinnedDataset* pinned = reference == nullptr ? nullptr : find(pinned_, *reference);
    if (pinned == nullptr) return;
    const std::string field = child_path(child_path(path, "source"), "dataset");
    const std::vector<json>& parts = pinned->version.parts;
    if (parts.size() > 1) {
      problem(field, fmt::format("the dataset {} has {} folders, but a side input is one; register a dataset "
                                 "of each",
                                 in_quotes(pinned->name), parts.size()));
      return;
    }
    json source = source_of(parts.front(), *pinned);
    std::string glob = text_in(parts.front(), "glob");
    if (glob.empty()) glob = text_in(parts.front(), "pathPattern");
    const bool is_name = glob.find_first_of("*?[]{}\\") == std::string::npos;
    if (!glob.empty() && !(is_name && name_below(source, glob))) {
      result_.notes.push_back(
          fmt::format("the side input {} is the whole folder of the dataset {}; its glob {} is not used",
                      in_quotes(text_in(item, "name")), in_quotes(pinned->name), in_quotes(glob)));
    }
    item["source"] = std::move(source);
  }

  // Makes the source that of a file, or folder, in it. False: it has no such form.
  static bool name_below(json& source, const std::string& name) {
    if (source.contains("local")) {
      const std::string folder = source["local"].value("path", "");
      source["local"]["path"] = (std::filesystem::path(folder) / text_in(source, "subPath") / name).string();
      source.erase("subPath");
      return true;
    }
    for (const auto& [kind, body] : source.items()) {
      if (find_store_kind(kind) != nullptr) return false;
    }
    const std::string folder = text_in(source, "subPath");
    source["subPath"] = folder.empty() ? name : folder + "/" + name;
    return true;
  }

  const std::span<const PinnedDataset> pinned_;
  WithDatasets result_;
};

}  // namespace

std::vector<DatasetUse> datasets_named_in(const JobSpec& job) {
  return uses_in(job, [](const Source& source) { return names_dataset(source); });
}

std::vector<DatasetUse> dataset_uses_in(const json& document) {
  std::vector<DatasetUse> uses;
  if (!document.is_object() || !says(document, "spec") || !document["spec"].is_object()) return uses;
  const json& spec = document["spec"];
  for (const char* field : {"inputs", "sideInputs"}) {
    if (!says(spec, field) || !spec[field].is_array()) continue;
    for (std::size_t i = 0; i < spec[field].size(); ++i) {
      const json& item = spec[field][i];
      const json* reference = reference_in(item);
      if (reference == nullptr || text_in(*reference, "name").empty()) continue;
      DatasetUse use;
      use.path = child_path(child_path(child_path("spec", field), i), "source") + ".dataset";
      use.holder = child_path(field, text_in(item, "name"));
      use.name = text_in(*reference, "name");
      if (says(*reference, "version") && (*reference)["version"].is_number_integer())
        use.version = (*reference)["version"].get<std::int64_t>();
      uses.push_back(std::move(use));
    }
  }
  return uses;
}

std::vector<DatasetUse> datasets_looked_up_in(const JobSpec& job) {
  return uses_in(job, [](const Source& source) { return !names_dataset(source); });
}

json datasets_to_record(const JobSpec& job) {
  json recorded = json::object();
  for (const DatasetUse& use : datasets_looked_up_in(job))
    recorded[use.holder] = {{"name", use.name}, {"version", use.version.value_or(0)}};
  return recorded;
}

WithDatasets with_datasets(json document, std::span<const PinnedDataset> pinned) {
  return Replacement(std::move(document), pinned).run();
}

json to_json(const PinnedDataset& pinned) {
  DatasetVersion data = pinned.version;
  data.description.clear();
  data.tags.clear();
  data.created.clear();
  json out = to_json(data);
  out["name"] = pinned.name;
  out["type"] = to_string(pinned.type);
  return out;
}

std::optional<PinnedDataset> pinned_dataset_from_json(const json& value) {
  if (!value.is_object() || text_in(value, "name").empty()) return std::nullopt;
  json version = value;
  version.erase("name");
  version.erase("type");
  const json resource = {
      {"apiVersion", kApiVersion},
      {"kind", kDatasetKind},
      {"metadata", {{"name", value["name"]}}},
      {"spec", {{"type", value.value("type", json())}, {"versions", json::array({version})}}}};
  ParsedDataset parsed = parse_dataset_document(resource);
  if (!parsed.ok()) return std::nullopt;
  return PinnedDataset{parsed.dataset.name, parsed.dataset.type, std::move(parsed.dataset.versions.front())};
}

}  // namespace parallelrun
