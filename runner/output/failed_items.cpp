#include "runner/output/failed_items.h"

#include "common/json/json.h"
#include "common/text/presentable.h"
#include "runner/progress/progress.h"

namespace parallelrun {
namespace {

constexpr std::string_view kShortfall = R"({"kind":"shortfall",)";

// Names and messages are whatever bytes a user's disk and script hold.
std::string line_of(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

nlohmann::ordered_json beginning(const char* kind, const WorkId& work, const std::string& input_name) {
  nlohmann::ordered_json json{{"kind", kind}, {"miniBatch", work.mini_batch.value}};
  if (work.part != 0) json["part"] = work.part;
  json["input"] = input_name;
  return json;
}

}  // namespace

std::string failed_line(const WorkId& work, const MiniBatch& mini_batch, const nlohmann::ordered_json& items,
                        const std::string& input_name, std::uint32_t tries, const ScriptError& error) {
  nlohmann::ordered_json json = beginning("failed", work, input_name);
  if (items.is_object()) json.update(items);
  json["count"] = mini_batch.items;
  json["tries"] = tries;
  json["error"] = {{"phase", to_string(error.phase)},
                   {"type", error.type},
                   {"message", without_credentials(error.message)}};
  return line_of(json);
}

std::string shortfall_line(const WorkId& work, const nlohmann::ordered_json& named,
                           const std::string& input_name, std::uint64_t items, std::uint64_t returned) {
  nlohmann::ordered_json json = beginning("shortfall", work, input_name);
  if (named.is_object()) json.update(named);
  json["count"] = items - returned;
  json["items"] = items;
  json["returned"] = returned;
  return line_of(json);
}

bool is_shortfall_line(std::string_view line) { return line.substr(0, kShortfall.size()) == kShortfall; }

}  // namespace parallelrun
