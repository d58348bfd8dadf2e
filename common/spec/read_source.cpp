#include <fmt/format.h>

#include <algorithm>

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
  std::vector<std::string> names = {"local", "subPath"};
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

// {kind: body} in its place of the manifest.
void read_store(const StoreKind& kind, const json& body, ObjectReader& source, SourceUse use, Place place,
                Problems& problems) {
  const bool database = is_database({{kind.name, body}});
  if (database && use != SourceUse::kInput) {
    const std::string_view what = use == SourceUse::kCode     ? "the code"
                                  : use == SourceUse::kOutput ? "the output"
                                                              : "a side input";
    source.problem(kind.name,
                   fmt::format("{} cannot be a table of a database; name a volume, or on one machine "
                               "{{local: {{path: ...}}}}",
                               what));
    return;
  }
  if (use == SourceUse::kOutput) {
    source.problem(kind.name, fmt::format("the output cannot lie in {} yet; name a volume, or on one machine "
                                          "{{local: {{path: ...}}}}",
                                          kind.in_words));
    return;
  }
  check_store(kind, body, source.path(kind.name), problems);
  if (source.field("subPath") != nullptr) {
    source.problem("subPath",
                   database ? "is for volumes; remove it"
                            : fmt::format("is for volumes; a folder of {} is named by prefix", kind.name));
  }
  if (place == Place::kCluster && database) {
    source.problem(kind.name,
                   "is read on one machine so far (`parallelrun run`); on a cluster name a volume, "
                   "such as persistentVolumeClaim");
  } else if (place == Place::kCluster && body.is_object()) {
    check_store_on_cluster(body, source.path(kind.name), problems);
  }
}

}  // namespace

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
    if (name == "local") {
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
