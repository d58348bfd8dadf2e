#include <fmt/format.h>

#include <algorithm>

#include "common/spec/dataset_use.h"
#include "common/spec/field.h"
#include "common/spec/nearest_name.h"
#include "common/spec/read_spec.h"
#include "common/spec/store_sources.h"
#include "common/spec/volume_sources.h"

namespace parallelrun {
namespace {

using nlohmann::json;

constexpr std::string_view kExample =
    "name a Kubernetes volume, {persistentVolumeClaim: {claimName: ...}}, or on one machine {local: {path: "
    "...}}";

std::vector<std::string> source_names() {
  std::vector<std::string> names = {"local", "subPath", "dataset"};
  for (const StoreKind& kind : store_kinds()) names.push_back(kind.name);
  for (const VolumeKind& kind : volume_kinds()) names.push_back(kind.name);
  return names;
}

void check_volume(const VolumeKind& kind, const json& body, const std::string& path, SourceUse use,
                  Problems& problems) {
  if (!kind.refusal.empty()) {
    problems.add(path, kind.refusal + "; use a persistentVolumeClaim, for example");
    return;
  }
  if (use == SourceUse::kOutput && !kind.writable) {
    problems.add(path, fmt::format("a {} volume cannot be written, so it cannot hold the output; use a "
                                   "persistentVolumeClaim, for example",
                                   kind.name));
    return;
  }
  ObjectReader reader(&body, path, problems);
  if (!reader.is_object() || kind.fields.empty()) return;
  for (const VolumeField& field : kind.fields) {
    if (!field.required) {
      reader.field(field.name);
      continue;
    }
    if (reader.required(field.name, fmt::format("a {} source needs it", kind.name)) == nullptr || !field.text)
      continue;
    if (const auto text = reader.text(field.name); text && text->empty())
      reader.problem(field.name, "is empty");
  }
  reader.refuse_unknown();
  if (use == SourceUse::kOutput && body.contains("readOnly") && body["readOnly"] == true) {
    reader.problem("readOnly", "is true, but the job writes its output there; remove readOnly");
  }
}

// {name, version} of a dataset: that a manifest names, or that the data beside it came from.
nlohmann::json read_dataset_reference(const json& body, const std::string& path, Place place, bool versioned,
                                      Problems& problems) {
  json reference = json::object();
  ObjectReader reader(&body, path, problems);
  if (!reader.is_object()) return reference;
  if (reader.required("name", "the name of a registered dataset") != nullptr) {
    if (const auto name = reader.text("name")) {
      if (const std::string broken = broken_dataset_name(*name, place); !broken.empty())
        reader.problem("name", broken);
      reference["name"] = *name;
    }
  }
  constexpr std::string_view kVersion = "version";
  const json* version = reader.field(kVersion);
  if (version != nullptr && *version == "latest") {
    reader.problem(kVersion, "'latest' is not a number; remove the version to use the newest one");
  } else if (version != nullptr) {
    if (const auto number = reader.whole_number(kVersion, 1, kHighestInt))
      reference[std::string(kVersion)] = *number;
  } else if (versioned) {
    reader.required(kVersion, "the version of the dataset");
  }
  reader.refuse_unknown();
  return reference;
}

// `dataset` in its place of the manifest.
nlohmann::json read_dataset_name(const json& body, ObjectReader& source, SourceUse use, Place place,
                                 Problems& problems) {
  if (use == SourceUse::kCode || use == SourceUse::kOutput) {
    source.problem("dataset", fmt::format("the {} cannot be a dataset, only inputs and side inputs can; name "
                                          "a volume, or on one machine {{local: {{path: ...}}}}",
                                          use == SourceUse::kCode ? "code" : "output"));
  } else if (use == SourceUse::kDataset) {
    source.problem("dataset",
                   "a dataset cannot be another dataset; name the place where the data lies: a volume, a "
                   "store, or on one machine {local: {path: ...}}");
  } else if (source.field("subPath") != nullptr) {
    source.problem(
        "subPath",
        "is for volumes; to use a part of a dataset's files give the input a glob, or register the "
        "folder as a dataset of its own");
  }
  return read_dataset_reference(body, source.path("dataset"), place, false, problems);
}

// {kind: body} in its place of the manifest.
void read_store(const StoreKind& kind, const json& body, ObjectReader& source, SourceUse use, Place place,
                Problems& problems) {
  const bool database = is_database({{kind.name, body}});
  if (database && use != SourceUse::kInput && use != SourceUse::kDataset) {
    const std::string_view what = use == SourceUse::kCode     ? "the code"
                                  : use == SourceUse::kOutput ? "the output"
                                                              : "a side input";
    source.problem(kind.name,
                   fmt::format("{} cannot be a table of a database; name a volume, or on one machine "
                               "{{local: {{path: ...}}}}",
                               what));
    return;
  }
  if (use == SourceUse::kOutput && !kind.holds_output) {
    source.problem(
        kind.name,
        "the output cannot lie at addresses, because a plain web server cannot be written to; name "
        "azureBlob, s3, gcs, a volume, or on one machine {local: {path: ...}}");
    return;
  }
  check_store(kind, body, source.path(kind.name), problems);
  if (source.field("subPath") != nullptr) {
    source.problem("subPath",
                   database ? "is for volumes; remove it"
                            : fmt::format("is for volumes; a folder of {} is named by prefix", kind.name));
  }
  if (place != Place::kCluster || !body.is_object()) return;
  if (!database) return check_store_on_cluster(body, source.path(kind.name), problems);
  if (use != SourceUse::kDataset && !body.contains("credentials")) {
    source.problem(kind.name,
                   "needs credentials: {secretName: ...} on a cluster: the key url of that Secret says where "
                   "the database is and who reads it");
  }
}

}  // namespace

std::string broken_dataset_name(std::string_view name, Place place) {
  const auto small = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const auto letter = [small](char c) { return small(c) || (c >= 'A' && c <= 'Z'); };
  const bool cluster = place == Place::kCluster;
  const auto inside = [&](char c) {
    return c == '-' || c == '.' || (cluster ? small(c) : letter(c) || c == '_');
  };
  const auto at_ends = [&](char c) { return cluster ? small(c) : letter(c); };
  if (!name.empty() && name.size() <= 253 && at_ends(name.front()) && (!cluster || at_ends(name.back())) &&
      std::all_of(name.begin(), name.end(), inside)) {
    return {};
  }
  return in_quotes(name) +
         (cluster ? " is not the name of a dataset on a cluster; use a-z, 0-9, '-' and '.', beginning and "
                    "ending with a letter or digit"
                  : " is not the name of a dataset; use 1-253 letters, digits, '_', '.' and '-', beginning "
                    "with a letter or digit");
}

std::string broken_relative_path(std::string_view path) {
  if (path.starts_with('/')) return "is absolute; it must be relative";
  std::size_t start = 0;
  while (start <= path.size()) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    if (path.substr(start, end - start) == "..") return "must not contain '..'";
    start = end + 1;
  }
  return {};
}

std::optional<Source> read_source(const json* value, const std::string& path, SourceUse use, Place place,
                                  Problems& problems) {
  if (value == nullptr) return std::nullopt;
  ObjectReader reader(value, path, problems);
  if (!reader.is_object()) return std::nullopt;
  const std::size_t before = problems.size();

  Source source;
  if (const auto sub_path = reader.text("subPath")) {
    source.sub_path = *sub_path;
    if (const std::string broken = broken_relative_path(*sub_path); !broken.empty()) {
      reader.problem("subPath", in_quotes(*sub_path) + " " + broken);
    }
  }

  std::vector<std::string> given;
  for (const auto& item : value->items()) {
    const std::string& name = item.key();
    if (name == "subPath" || item.value().is_null()) continue;
    if (name == kFromDataset && (use == SourceUse::kInput || use == SourceUse::kSideInput)) {
      source.dataset = read_dataset_reference(item.value(), reader.path(name), place, true, problems);
    } else if (name == "dataset") {
      given.push_back(name);
      source.dataset = read_dataset_name(item.value(), reader, use, place, problems);
    } else if (name == "local") {
      given.push_back(name);
      ObjectReader local(&item.value(), reader.path(name), problems);
      if (!local.is_object()) continue;
      if (local.required("path", "the directory, relative to the manifest's folder") != nullptr) {
        source.local_path = local.text("path");
        if (source.local_path && source.local_path->empty()) local.problem("path", "is empty");
      }
      local.refuse_unknown();
      if (place == Place::kCluster) {
        reader.problem(name, "is for one machine; on a cluster name a volume, such as persistentVolumeClaim");
      }
    } else if (const StoreKind* store = find_store_kind(name)) {
      given.push_back(name);
      read_store(*store, item.value(), reader, use, place, problems);
      source.store[name] = item.value();
    } else if (const VolumeKind* kind = find_volume_kind(name)) {
      given.push_back(name);
      check_volume(*kind, item.value(), reader.path(name), use, problems);
      source.volume[name] = item.value();
    } else if (name == "query" || name == "table" || name == "database") {
      given.push_back(name);
      reader.problem(name,
                     "belongs into the source of a database: {sql: {table: ... or query: ..., credentials: "
                     "{secretName: ...}}}");
    } else {
      given.push_back(name);
      reader.problem(name, "unknown kind of source" + did_you_mean(name, source_names()));
    }
    if (problems.full()) return std::nullopt;
  }
  if (given.empty()) problems.add(path, fmt::format("names no source; {}", kExample));
  if (given.size() > 1) {
    problems.add(path, fmt::format("names {} sources ({}, {}{}); name one", given.size(), in_quotes(given[0]),
                                   in_quotes(given[1]), given.size() > 2 ? ", ..." : ""));
  }
  if (problems.size() != before) return std::nullopt;
  return source;
}

}  // namespace parallelrun
