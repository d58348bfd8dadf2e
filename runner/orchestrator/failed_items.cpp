#include "runner/orchestrator/failed_items.h"

#include "common/json/json.h"
#include "common/spec/utf8.h"
#include "common/text/presentable.h"
#include "runner/orchestrator/progress.h"

namespace parallelrun::orchestrator {
namespace {

constexpr std::string_view kShortfall = R"({"kind":"shortfall",)";

// Names and messages are whatever bytes a user's disk and script hold.
std::string line_of(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view three = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8U | (i < three.size() ? static_cast<unsigned char>(three[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      text.push_back(i <= three.size() ? kDigits[bits >> (18 - 6 * i) & 63U] : '=');
  }
  return text;
}

void add_items(nlohmann::ordered_json& json, const MiniBatch& mini_batch) {
  if (const auto slice = decode_csv_slice(mini_batch.descriptor)) {
    json["file"] = slice.value().path;
    if (!is_utf8(slice.value().path)) json["fileBase64"] = base64(slice.value().path);
    json["firstRow"] = slice.value().first_row;
    json["records"] = slice.value().records;
    return;
  }
  nlohmann::ordered_json files = nlohmann::ordered_json::array();
  nlohmann::ordered_json bytes = nlohmann::ordered_json::array();
  bool readable = true;
  if (const auto set = decode_file_set(mini_batch.descriptor)) {
    for (const FileSet::Group& group : set.value().groups) {
      for (const std::string& name : group.names) {
        std::string path = group.directory + name;
        readable = readable && is_utf8(path);
        files.push_back(std::move(path));
      }
    }
  }
  if (!readable) {
    for (const auto& path : files) bytes.push_back(base64(path.get_ref<const std::string&>()));
    json["filesBase64"] = std::move(bytes);
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
  json["error"] = {{"phase", to_string(error.phase)},
                   {"type", error.type},
                   {"message", without_credentials(error.message)}};
  return line_of(json);
}

std::string shortfall_line(MiniBatchId id, const MiniBatch* mini_batch, const std::string& input_name,
                           std::uint64_t items, std::uint64_t returned) {
  nlohmann::ordered_json json{{"kind", "shortfall"}, {"miniBatch", id.value}, {"input", input_name}};
  if (mini_batch != nullptr) add_items(json, *mini_batch);
  json["count"] = items - returned;
  json["items"] = items;
  json["returned"] = returned;
  return line_of(json);
}

bool is_shortfall_line(std::string_view line) { return line.substr(0, kShortfall.size()) == kShortfall; }

}  // namespace parallelrun::orchestrator
