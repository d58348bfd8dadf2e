#include "runner/orchestrator/failed_items.h"

#include "common/json/json.h"
#include "runner/orchestrator/progress.h"

namespace parallelrun::orchestrator {
namespace {

constexpr std::string_view kShortfall = R"({"kind":"shortfall",)";

// Names and messages are whatever bytes a user's disk and script hold.
std::string line_of(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void add_items(nlohmann::ordered_json& json, const MiniBatch& mini_batch) {
  if (const auto slice = decode_csv_slice(mini_batch.descriptor)) {
    json["file"] = slice.value().path;
    json["firstRow"] = slice.value().first_row;
    json["records"] = slice.value().records;
    return;
  }
  nlohmann::ordered_json files = nlohmann::ordered_json::array();
  if (const auto set = decode_file_set(mini_batch.descriptor)) {
    for (const FileSet::Group& group : set.value().groups) {
      for (const std::string& name : group.names) files.push_back(group.directory + name);
    }
  }
  json["files"] = std::move(files);
}

}  // namespace

std::string failed_line(const MiniBatch& mini_batch, const std::string& input_name, std::uint32_t tries,
                        const ScriptError& error) {
  nlohmann::ordered_json json{{"kind", "failed"}, {"miniBatch", mini_batch.id.value}, {"input", input_name}};
  add_items(json, mini_batch);
  json["count"] = mini_batch.items;
  json["tries"] = tries;
  json["error"] = {{"phase", to_string(error.phase)}, {"type", error.type}, {"message", error.message}};
  return line_of(json);
}

std::string shortfall_line(MiniBatchId id, const std::string& input_name, std::uint64_t items,
                           std::uint64_t returned) {
  return line_of({{"kind", "shortfall"},
                  {"miniBatch", id.value},
                  {"input", input_name},
                  {"count", items - returned},
                  {"items", items},
                  {"returned", returned}});
}

bool is_shortfall_line(std::string_view line) { return line.substr(0, kShortfall.size()) == kShortfall; }

}  // namespace parallelrun::orchestrator
