#include "operator/decide/datasets.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "common/json/compact_text.h"
#include "common/json/members.h"
#include "common/spec/dataset.h"
#include "common/spec/manifest.h"
#include "common/spec/nearest_name.h"
#include "operator/decide/decision.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;

constexpr const char* kDatasetsField = "datasets";
constexpr const char* kDeleted = "deleted";
// Of what status records, so that job and status fit into one object of the API server.
constexpr std::size_t kMostRecordedBytes = std::size_t{256} << 10U;

const json& recorded_in(const json& job) {
  static const json kNone = json::array();
  const json& status = object_at(job, "status");
  const auto found = status.find(kDatasetsField);
  return found != status.end() && found->is_array() ? *found : kNone;
}

DatasetsOfJob recorded_datasets(const json& job) {
  DatasetsOfJob datasets;
  for (json entry : recorded_in(job)) {
    if (entry.is_object()) entry.erase(kDeleted);
    if (auto pinned = pinned_dataset_from_json(entry)) datasets.pinned.push_back(std::move(*pinned));
  }
  return datasets;
}

json resource_of(const json& dataset, const json& version) {
  return {{"apiVersion", kApiVersion},
          {"kind", kDatasetKind},
          {"metadata", {{"name", text_at(object_at(dataset, "metadata"), "name")}}},
          {"spec",
           {{"type", text_at(object_at(dataset, "spec"), "type")}, {"versions", json::array({version})}}}};
}

// Looks the datasets up that a job names, one use after the other.
class LookUp {
 public:
  explicit LookUp(const Snapshot& snapshot)
      : seen_(snapshot.datasets), name_space_(text_at(object_at(snapshot.job, "metadata"), "namespace")) {}

  DatasetsOfJob run(const std::vector<DatasetUse>& uses) {
    for (const DatasetUse& use : uses) {
      std::optional<PinnedDataset> found = look_up(use);
      if (!found) return std::move(result_);
      result_.words.push_back(fmt::format("{}: dataset {}, version {} ({}){}", use.holder,
                                          in_quotes(use.name), found->version.version,
                                          place_in_words(found->version), use.version ? "" : ", the newest"));
      if (std::find(result_.pinned.begin(), result_.pinned.end(), *found) == result_.pinned.end())
        result_.pinned.push_back(std::move(*found));
    }
    check_size();
    return std::move(result_);
  }

 private:
  // Nothing: it is not there, and `result_` says so.
  std::optional<PinnedDataset> look_up(const DatasetUse& use) {
    const auto found = seen_.named.find(use.name);
    if (found == seen_.named.end()) return missing(use);
    const json& dataset = found->second;
    const json* version = nullptr;
    Dataset numbers;
    numbers.name = use.name;
    const json& spec = object_at(dataset, "spec");
    if (const auto versions = spec.find("versions"); versions != spec.end() && versions->is_array()) {
      for (const json& one : *versions) {
        const auto number = number_at(one, "version");
        if (!number) continue;
        numbers.versions.emplace_back().version = *number;
        const bool newer = version == nullptr || *number > number_at(*version, "version").value_or(0);
        if (use.version ? *number == *use.version : newer) version = &one;
      }
    }
    std::sort(numbers.versions.begin(), numbers.versions.end(),
              [](const auto& a, const auto& b) { return a.version < b.version; });
    if (version == nullptr) {
      return awaits(Reason::kDatasetMissing,
                    fmt::format("{}: {}. The job starts once it has that version", use.path,
                                no_such_version(numbers, use.version.value_or(1))));
    }
    // By itself, so that no other version is in its way.
    ParsedDataset parsed = parse_dataset_document(resource_of(dataset, *version), Place::kCluster);
    if (!parsed.ok()) {
      return awaits(Reason::kDatasetInvalid,
                    fmt::format("{}: version {} of the dataset {} cannot be used: {}. The job starts once it "
                                "can; a version never changes, so register another one, and name that",
                                use.path, number_at(*version, "version").value_or(0), in_quotes(use.name),
                                to_string(parsed.problems.front())));
    }
    return PinnedDataset{use.name, parsed.dataset.type, std::move(parsed.dataset.versions.front())};
  }

  std::optional<PinnedDataset> missing(const DatasetUse& use) {
    if (!seen_.known) {
      return awaits(Reason::kDatasetsUnreadable,
                    fmt::format("{}: the operator cannot list ParallelRunDatasets, so it does not know the "
                                "dataset {}. Install or upgrade the whole chart, which has the resource and "
                                "the right; the operator's log has the API server's answer",
                                use.path, in_quotes(use.name)));
    }
    return awaits(
        Reason::kDatasetMissing,
        fmt::format("{}: there is no dataset {} in the namespace {}{}. The job starts once it is there "
                    "(parallelrun datasets register {} -n {}, or kubectl apply)",
                    use.path, in_quotes(use.name), name_space_,
                    seen_.others.empty() ? ", which has none" : did_you_mean(use.name, seen_.others),
                    use.name, name_space_));
  }

  std::optional<PinnedDataset> awaits(Reason reason, std::string message) {
    result_.missing = Obstacle{reason, std::move(message)};
    return std::nullopt;
  }

  void check_size() {
    std::size_t bytes = 0;
    for (const PinnedDataset& pinned : result_.pinned) bytes += compact_text(to_json(pinned)).size();
    if (bytes <= kMostRecordedBytes) return;
    result_.refused = fmt::format(
        "spec.inputs: what the job's datasets say of their data has {} bytes as JSON, but at most {} can be "
        "recorded in the job's status; name fewer of them, or register folders in place of long lists of "
        "parts",
        bytes, kMostRecordedBytes);
  }

  const DatasetsSeen& seen_;
  const std::string name_space_;
  DatasetsOfJob result_;
};

}  // namespace

DatasetsOfJob datasets_of(const Snapshot& snapshot, const JobFacts& facts) {
  if (facts.start_time) return recorded_datasets(snapshot.job);
  return LookUp(snapshot).run(dataset_uses_in(snapshot.job));
}

void record_datasets(Decision& decision) {
  const std::vector<PinnedDataset>& pinned = decision.datasets().pinned;
  if (pinned.empty()) return;
  json entries = json::array();
  for (const PinnedDataset& one : pinned) entries.push_back(to_json(one));
  decision.status.set(kDatasetsField, std::move(entries));
}

void tell_deleted_datasets(Decision& decision) {
  const DatasetsSeen& seen = decision.snapshot.datasets;
  if (!decision.facts.start_time || !seen.known) return;
  json entries = recorded_in(decision.snapshot.job);
  bool changed = false;
  for (json& entry : entries) {
    const std::string name = text_at(entry, "name");
    const bool deleted = !name.empty() && !seen.named.contains(name);
    if (!entry.is_object() || deleted == entry.contains(kDeleted)) continue;
    changed = true;
    if (!deleted) {
      entry.erase(kDeleted);
      continue;
    }
    entry[kDeleted] = true;
    decision.event(true, Reason::kDatasetDeleted,
                   fmt::format("The dataset {} was deleted. This job goes on with version {} of it, as "
                               "status.datasets has it; another job cannot name it any more",
                               in_quotes(name), number_at(entry, "version").value_or(0)));
  }
  if (changed) decision.status.set(kDatasetsField, std::move(entries));
}

}  // namespace parallelrun::op
