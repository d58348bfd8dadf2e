#include "common/spec/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "common/spec/field.h"
#include "common/spec/read_spec.h"
#include "common/spec/store_sources.h"
#include "common/spec/words.h"

namespace parallelrun {
namespace {

using nlohmann::json;

// Of a version what says nothing of its data.
constexpr std::array<const char*, 4> kAboutVersion = {"version", "description", "tags", "created"};

json without_nulls(const json& value) {
  json out = json::object();
  for (const auto& [key, member] : value.items()) {
    if (!member.is_null()) out[key] = member;
  }
  return out;
}

// Reads what an input may say, and keeps it as it stands.
json read_one_part(ObjectReader& reader, const json& value, InputType type, Place place) {
  read_part(reader, type, place);
  json part = without_nulls(value);
  for (const char* about : kAboutVersion) part.erase(about);
  return part;
}

std::vector<json> read_parts(ObjectReader& version, const json& value, InputType type, Place place) {
  const json* list = version.list("parts");
  if (list == nullptr) return {read_one_part(version, value, type, place)};
  if (list->empty()) version.problem("parts", "is empty; name at least one source");
  if (list->size() > kMostDatasetParts)
    version.problem("parts",
                    fmt::format("has {} items; at most {} are allowed", list->size(), kMostDatasetParts));
  std::vector<json> parts;
  for (std::size_t i = 0; i < list->size() && !version.problems().full(); ++i) {
    ObjectReader reader(&(*list)[i], child_path(version.path("parts"), i), version.problems());
    if (!reader.is_object()) continue;
    parts.push_back(read_one_part(reader, (*list)[i], type, place));
    reader.refuse_unknown();
  }
  return parts;
}

DatasetVersion read_version(ObjectReader& reader, const json& value, InputType type, Place place) {
  DatasetVersion version;
  if (reader.required("version", "a whole number, 1 for the first") != nullptr)
    version.version = reader.whole_number("version", 1, kHighestInt).value_or(0);
  version.description = reader.text("description").value_or("");
  version.created = reader.text("created").value_or("");
  if (const json* tags = reader.object("tags")) {
    for (const auto& [name, tag] : tags->items()) {
      if (const auto text = as_text(tag, child_path(reader.path("tags"), name), reader.problems()))
        version.tags[name] = *text;
    }
  }
  version.parts = read_parts(reader, value, type, place);
  reader.refuse_unknown();
  return version;
}

void read_versions(ObjectReader& spec, Dataset& dataset, Place place) {
  const json* required = spec.required("versions", "a list: {version: 1, source: ...}");
  const json* list = required == nullptr ? nullptr : spec.list("versions");
  if (list == nullptr) return;
  if (list->empty()) spec.problem("versions", "is empty; a dataset has at least one version");
  if (list->size() > kMostDatasetVersions) {
    spec.problem("versions", fmt::format("has {} items; at most {} are allowed. Register further ones under "
                                         "another name",
                                         list->size(), kMostDatasetVersions));
  }
  std::set<std::int64_t> numbers;
  for (std::size_t i = 0; i < list->size() && !spec.problems().full(); ++i) {
    ObjectReader reader(&(*list)[i], child_path(spec.path("versions"), i), spec.problems());
    if (!reader.is_object()) continue;
    DatasetVersion version = read_version(reader, (*list)[i], dataset.type, place);
    if (version.version > 0 && !numbers.insert(version.version).second) {
      reader.problem("version", fmt::format("{} is in the list twice; each version has a number of its own",
                                            version.version));
    }
    dataset.versions.push_back(std::move(version));
  }
  std::stable_sort(dataset.versions.begin(), dataset.versions.end(),
                   [](const DatasetVersion& a, const DatasetVersion& b) { return a.version < b.version; });
}

void read_metadata(ObjectReader& top, Dataset& dataset, Place place) {
  const json* value = top.required("metadata", "metadata: {name: ...}");
  ObjectReader metadata(value, top.path("metadata"), top.problems());
  if (!metadata.is_object()) return;
  if (metadata.required("name", "the name of the dataset") != nullptr) {
    dataset.name = metadata.text("name").value_or("");
    if (const std::string broken = broken_dataset_name(dataset.name, place); !broken.empty())
      metadata.problem("name", broken);
  }
  metadata.text("namespace");
  read_other_metadata(metadata);
  for (const char* key : {"labels", "annotations"}) {
    if (const json* map = metadata.field(key); map != nullptr && map->is_object())
      dataset.metadata[key] = *map;
  }
  metadata.refuse_unknown();
}

Dataset read_dataset(const json& document, Place place, Problems& problems) {
  Dataset dataset;
  ObjectReader top(&document, "", problems);
  if (document.is_null()) problems.add("", "the file is empty");
  if (!top.is_object()) return dataset;
  read_header(top, kDatasetKind);
  read_metadata(top, dataset, place);
  const json* value = top.required("spec", "it describes the dataset");
  top.field("status");
  ObjectReader spec(value, top.path("spec"), problems);
  if (spec.is_object()) {
    dataset.type = spec.choice<InputType>("type", input_types()).value_or(InputType::kFile);
    read_versions(spec, dataset, place);
    spec.refuse_unknown();
  }
  top.refuse_unknown();
  return dataset;
}

void anchor(json& path, const std::filesystem::path& folder) {
  if (path.is_string()) path = (folder / path.get<std::string>()).lexically_normal().string();
}

std::string place_of_part(const json& part) {
  const json& source = part.at("source");
  const std::string below = part.value("glob", part.value("pathPattern", std::string()));
  const auto with = [&](const std::string& place) { return below.empty() ? place : place + "/" + below; };
  for (const auto& [kind, body] : source.items()) {
    if (kind == "subPath") continue;
    if (kind == "local") return with(body.value("path", ""));
    if (find_store_kind(kind) != nullptr) return with(store_address({{kind, body}}));
    std::string volume = kind;
    for (const char* name : {"claimName", "name", "secretName", "path", "reference"}) {
      if (!body.is_object() || !body.contains(name) || !body[name].is_string()) continue;
      volume += " " + body[name].get<std::string>();
      break;
    }
    const std::string sub_path = source.value("subPath", "");
    return with(sub_path.empty() ? volume : volume + "/" + sub_path);
  }
  return {};
}

}  // namespace

const DatasetVersion* Dataset::find(std::int64_t version) const {
  const auto found = std::find_if(versions.begin(), versions.end(),
                                  [&](const DatasetVersion& one) { return one.version == version; });
  return found == versions.end() ? nullptr : &*found;
}

std::string Dataset::known_versions() const {
  constexpr std::size_t kMost = 20;
  const std::size_t first = versions.size() > kMost ? versions.size() - kMost : 0;
  std::string list = first > 0 ? "..." : "";
  for (std::size_t i = first; i < versions.size(); ++i)
    list += fmt::format("{}{}", list.empty() ? "" : ", ", versions[i].version);
  return list;
}

ParsedDataset parse_dataset_document(const json& document, Place place) {
  Problems problems;
  ParsedDataset parsed;
  parsed.dataset = read_dataset(document, place, problems);
  parsed.problems = problems.take();
  return parsed;
}

ParsedDataset parse_dataset(std::string_view text, Place place, ManifestFormat format) {
  Problems problems;
  ParsedDataset parsed;
  const Document document = parse_document(text, format, problems);
  if (problems.empty()) parsed.dataset = read_dataset(document.root, place, problems);
  parsed.problems = problems.take();
  for (SpecProblem& problem : parsed.problems) {
    if (problem.line == 0 && !problem.path.empty()) problem.line = document.line_of(problem.path);
  }
  return parsed;
}

json to_json(const DatasetVersion& version) {
  json out = version.parts.size() == 1 ? version.parts.front() : json{{"parts", version.parts}};
  out["version"] = version.version;
  if (!version.description.empty()) out["description"] = version.description;
  if (!version.tags.empty()) out["tags"] = version.tags;
  if (!version.created.empty()) out["created"] = version.created;
  return out;
}

json to_json(const Dataset& dataset) {
  json metadata = dataset.metadata;
  metadata["name"] = dataset.name;
  json versions = json::array();
  for (const DatasetVersion& version : dataset.versions) versions.push_back(to_json(version));
  return {{"apiVersion", kApiVersion},
          {"kind", kDatasetKind},
          {"metadata", std::move(metadata)},
          {"spec", {{"type", to_string(dataset.type)}, {"versions", std::move(versions)}}}};
}

nlohmann::ordered_json in_usual_order(const Dataset& dataset) {
  using nlohmann::ordered_json;
  const json plain = to_json(dataset);
  ordered_json versions = ordered_json::array();
  for (const json& version : plain.at("spec").at("versions")) {
    ordered_json ordered = {{"version", version.at("version")}};
    for (const char* first : {"source", "parts"})
      if (version.contains(first)) ordered[first] = ordered_json(version[first]);
    for (const auto& [key, value] : version.items()) {
      if (std::find(kAboutVersion.begin(), kAboutVersion.end(), key) == kAboutVersion.end())
        ordered[key] = ordered_json(value);
    }
    for (const char* about : kAboutVersion)
      if (version.contains(about)) ordered[about] = ordered_json(version[about]);
    versions.push_back(std::move(ordered));
  }
  ordered_json metadata = {{"name", dataset.name}};
  for (const auto& [key, value] : dataset.metadata.items()) metadata[key] = ordered_json(value);
  ordered_json spec;
  spec["type"] = to_string(dataset.type);
  spec["versions"] = std::move(versions);
  ordered_json out;
  out["apiVersion"] = kApiVersion;
  out["kind"] = kDatasetKind;
  out["metadata"] = std::move(metadata);
  out["spec"] = std::move(spec);
  return out;
}

std::string no_such_version(const Dataset& dataset, std::int64_t version) {
  return fmt::format("the dataset {} has no version {}; it has: {}", in_quotes(dataset.name), version,
                     dataset.known_versions());
}

void anchor_paths(DatasetVersion& version, const std::filesystem::path& folder) {
  for (json& part : version.parts) {
    for (auto& [kind, body] : part["source"].items()) {
      if (!body.is_object()) continue;
      if (kind == "local" && body.contains("path")) anchor(body["path"], folder);
      if (find_store_kind(kind) != nullptr && body.contains("caCertificate"))
        anchor(body["caCertificate"], folder);
    }
  }
}

std::string place_in_words(const DatasetVersion& version) {
  std::string words = place_of_part(version.parts.front());
  if (version.parts.size() > 1) words += fmt::format(" and {} more", version.parts.size() - 1);
  return words;
}

}  // namespace parallelrun
