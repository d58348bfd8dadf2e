#include "runner/cli/offers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>
#include <utility>

#include "common/json/members.h"
#include "common/pod/pod_layout.h"
#include "common/spec/fields.h"
#include "common/text/node_folder.h"
#include "runner/cluster/jobs.h"

namespace parallelrun {
namespace {

using cluster::ClusterChoice;
using nlohmann::json;

constexpr int kMostNamespaces = 500;
// Of a node; more than anybody reads.
constexpr std::int64_t kMostProcesses = 64;
// A status may say anything.
constexpr std::uint64_t kHighestCount = 1'000'000'000;

// Those of every job, whatever its script does (docs/logs.md).
constexpr std::pair<const char*, const char*> kLogsOfEveryJob[] = {
    {"job_progress_overview.txt", "progress, and the result"},
    {"70_driver_log.txt", "what was started, where, and how it ended"},
    {"sys", "all files of this folder"},
    {"sys/master_role.txt", "the orchestrator's view"},
    {"sys/node", "all files of this folder"},
    {"user", "all files of this folder"},
    {"user/error.txt", "errors of the script, in groups"},
    {"user/error", "all files of this folder"},
    {"user/stdout", "all files of this folder"},
    {"user/stderr", "all files of this folder"},
};

}  // namespace

std::vector<Offer> offered_namespaces(const ClusterChoice& choice) {
  auto connection = cluster::Connection::open(choice);
  if (!connection) return {};
  const auto page =
      (*connection)->client().table_page({"", "v1", "namespaces", false}, "", kMostNamespaces, "", false, {});
  std::vector<Offer> offers;
  if (!page.ok()) return offers;
  const auto rows = page.value().find("rows");
  if (rows == page.value().end() || !rows->is_array()) return offers;
  for (const json& row : *rows) {
    const auto cells = row.find("cells");
    if (cells == row.end() || !cells->is_array() || cells->size() < 2) continue;
    if ((*cells)[0].is_string() && (*cells)[1].is_string())
      offers.push_back({(*cells)[0].get<std::string>(), (*cells)[1].get<std::string>()});
  }
  return offers;
}

std::vector<Offer> offered_logs(const ClusterChoice& choice, const std::string& job) {
  auto connection = cluster::Connection::open(choice);
  if (!connection) return {};
  cluster::Jobs jobs(**connection, {});
  const auto found = jobs.find(job);
  if (!found || !*found) return {};
  std::vector<Offer> offers;
  for (const auto& [name, about] : kLogsOfEveryJob) offers.push_back({name, about});
  const std::int64_t processes =
      std::min(number_at(object_at(**found, "spec"), "processCountPerNode").value_or(1), kMostProcesses);
  for (std::int64_t i = 0; i < processes; ++i)
    offers.push_back({fmt::format("process{:03}", i), "this process on all nodes"});
  if (const auto pods = jobs.pods(job)) {
    for (const json& pod : *pods) {
      const json& metadata = object_at(pod, "metadata");
      const std::string address = text_at(object_at(pod, "status"), "podIP");
      if (!address.empty() && text_at(object_at(metadata, "labels"), pod::kRoleLabel) == "worker")
        offers.push_back({node_folder(address), "all files of the node " + text_at(metadata, "name")});
    }
  }
  return offers;
}

std::vector<Offer> offered_mini_batches(const ClusterChoice& choice, const std::string& job,
                                        const std::string& start, std::size_t most) {
  auto connection = cluster::Connection::open(choice);
  if (!connection) return {};
  const auto found = cluster::Jobs(**connection, {}).find(job);
  if (!found || !*found) return {};
  const json& progress = object_at(object_at(**found, "status"), "progress");
  const auto created =
      static_cast<std::int64_t>(std::min(count_at(progress, "miniBatchesCreated"), kHighestCount));
  std::vector<Offer> offers;
  const std::string about = fmt::format("of {} mini-batches", created);
  const auto offer = [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t number = first; number < std::min(first + count, created) && offers.size() < most;
         ++number)
      offers.push_back({std::to_string(number), about});
  };
  if (start.empty()) {
    offer(0, created);
    return offers;
  }
  std::int64_t typed = 0;
  const auto [end, error] = std::from_chars(start.data(), start.data() + start.size(), typed);
  if (error != std::errc() || std::to_string(typed) != start || typed >= created) return {};
  // Of 12: itself, then 120 to 129, then 1200 to 1299.
  offer(typed, 1);
  for (std::int64_t width = 10; typed > 0 && typed * width < created; width *= 10)
    offer(typed * width, width);
  return offers;
}

std::vector<Offer> offered_fields(const std::string& start) {
  const std::size_t equals = start.find('=');
  std::vector<Offer> offers;
  for (const FieldFacts& field : fields_of_spec()) {
    // A field of a list has an index, which nobody completes.
    if (field.path.find('[') != std::string::npos) continue;
    if (equals == std::string::npos) {
      const std::string word = field.path + (field.type == "map" ? "." : "=");
      if (word.starts_with(start)) offers.push_back({word, field.about});
      continue;
    }
    if (field.path != start.substr(0, equals)) continue;
    std::vector<std::string> words = field.words;
    if (field.type == "boolean") words = {"true", "false"};
    for (const std::string& word : words) offers.push_back({field.path + "=" + word, ""});
  }
  return offers;
}

}  // namespace parallelrun
