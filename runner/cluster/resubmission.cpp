#include "runner/cluster/resubmission.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "common/json/members.h"
#include "common/spec/manifest.h"

namespace parallelrun::cluster {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestName = 32;
constexpr std::string_view kDigits = "0123456789";

// "digits" of "digits-2", where that number is ours.
std::string without_number(const json& job, std::string text) {
  if (text_at(object_at(job, "spec"), "resubmissionOf").empty()) return text;
  const std::size_t dash = text.rfind('-');
  if (dash == std::string::npos || dash == 0 || dash + 1 == text.size() ||
      text.find_first_not_of(kDigits, dash + 1) != std::string::npos)
    return text;
  text.resize(dash);
  return text;
}

std::string numbered(std::string text, int number, std::size_t longest) {
  const std::string suffix = "-" + std::to_string(number);
  text.resize(std::min(text.size(), longest - suffix.size()));
  while (text.ends_with('-')) text.pop_back();
  return text + suffix;
}

const json& output_source(const json& job) {
  return object_at(object_at(object_at(job, "spec"), "output"), "source");
}

// The server's own annotations and those of its clients say nothing of the new job.
json own_annotations(const json& metadata) {
  json kept = json::object();
  for (const auto& [name, value] : object_at(metadata, "annotations").items()) {
    if (name.find("kubernetes.io/") == std::string::npos) kept[name] = value;
  }
  return kept;
}

// A dataset without a version meant the newest at the start; "the same data" is that one.
void keep_versions(const json& job, json& spec) {
  const json& status = object_at(job, "status");
  const auto recorded = status.find("datasets");
  if (recorded == status.end() || !recorded->is_array()) return;
  for (const char* list : {"inputs", "sideInputs"}) {
    const auto found = spec.find(list);
    if (found == spec.end() || !found->is_array()) continue;
    for (json& one : *found) {
      const json& dataset = object_at(object_at(one, "source"), "dataset");
      if (dataset.empty() || dataset.contains("version")) continue;
      const auto used = std::find_if(recorded->begin(), recorded->end(), [&](const json& entry) {
        return text_at(entry, "name") == text_at(dataset, "name");
      });
      if (used == recorded->end()) continue;
      if (const auto version = number_at(*used, "version")) one["source"]["dataset"]["version"] = *version;
    }
  }
}

}  // namespace

std::string resubmission_name(const json& job, int number) {
  return numbered(without_number(job, text_at(object_at(job, "metadata"), "name")), number, kLongestName);
}

json resubmission_of(const json& job, const std::string& name, std::optional<int> number) {
  const json& metadata = object_at(job, "metadata");
  json made = {{"apiVersion", kApiVersion},
               {"kind", kKind},
               {"metadata", {{"name", name}, {"namespace", text_at(metadata, "namespace")}}},
               {"spec", object_at(job, "spec")}};
  if (const json& labels = object_at(metadata, "labels"); !labels.empty())
    made["metadata"]["labels"] = labels;
  if (json annotations = own_annotations(metadata); !annotations.empty())
    made["metadata"]["annotations"] = std::move(annotations);
  json& spec = made["spec"];
  spec["resubmissionOf"] = text_at(metadata, "name");
  spec.erase("suspend");
  keep_versions(job, spec);
  std::string folder = text_at(output_source(job), "subPath");
  while (folder.ends_with('/')) folder.pop_back();
  if (folder.empty()) {
    folder = name;  // the root of the volume was the output
  } else if (number) {
    folder = numbered(without_number(job, folder), *number, std::string::npos);
  } else {
    const std::size_t slash = folder.rfind('/');
    folder = (slash == std::string::npos ? "" : folder.substr(0, slash + 1)) + name;
  }
  spec["output"]["source"]["subPath"] = folder;
  return made;
}

bool same_output_volume(const json& a, const json& b) {
  json first = output_source(a);
  json second = output_source(b);
  for (json* source : {&first, &second}) {
    if (source->is_object()) source->erase("subPath");
  }
  return first == second;
}

}  // namespace parallelrun::cluster
