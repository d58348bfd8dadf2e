#include "runner/output/state_files.h"

#include <limits>
#include <sstream>

#include "common/json/json.h"
#include "common/json/members.h"
#include "common/result/try.h"
#include "common/text/presentable.h"
#include "runner/output/begin_anew.h"
#include "runner/output/failed_items.h"
#include "runner/progress/script_error.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

constexpr std::uint64_t kTypesLimit = 256ULL << 20U;

std::string dump(const nlohmann::json& json, int indent = -1) {
  return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Status write_types(Storage& storage, const std::vector<InputInfo>& types) {
  nlohmann::json json = nlohmann::json::array();
  for (const InputInfo& info : types) json.push_back(nlohmann::json::parse(info.types));
  return write_atomically(storage, kTypesPath, dump(json, 1) + "\n");
}

Result<std::map<std::uint32_t, InputInfo>> read_types(Storage& storage) {
  std::map<std::uint32_t, InputInfo> types;
  auto exists = storage.exists(kTypesPath);
  if (!exists) return exists.error();
  if (!*exists) return types;
  auto text = read_whole(storage, kTypesPath, kTypesLimit);
  if (!text) return text.error();
  const nlohmann::json json = nlohmann::json::parse(*text, nullptr, false);
  bool good = json.is_array();
  for (std::size_t i = 0; good && i < json.size(); ++i) {
    const nlohmann::json& entry = json[i];
    constexpr std::uint64_t kHighest = std::numeric_limits<std::uint32_t>::max();
    good = entry.is_object() && entry.contains("input") && entry["input"].is_number_unsigned() &&
           entry["input"].get<std::uint64_t>() <= kHighest && entry.contains("types") &&
           are_column_types(entry["types"]);
    if (!good) break;
    const auto input = entry["input"].get<std::uint32_t>();
    types[input] = InputInfo{input, dump(entry)};
  }
  if (!good) {
    return Error{ErrorCode::kCorrupt, fmt::format("{} is not a list of column types; restore the file, or {}",
                                                  kTypesPath, kBeginAnew)};
  }
  return types;
}

Status remove_staged(Storage& storage, const std::string& path, const Counts& counts) {
  if (counts.failed > 0 || counts.items_failed > 0) return {};
  RETURN_IF_ERROR(storage.still_ours());
  RETURN_IF_ERROR(storage.remove(path));
  return storage.sync_folder_of(path);
}

Status write_end_marks(Storage& storage, const JobResult& result) {
  if (auto done =
          write_atomically(storage, kResultPath, without_credentials(dump(to_json(result), 1)) + "\n");
      !done)
    return done;
  if (result.state != JobState::kComplete) return {};
  return write_atomically(storage, kSuccessPath, "");
}

std::string next_failed_items_path(std::uint64_t run) {
  return fmt::format(".parallelrun/failed_items.run{}", run);
}

Status install_failed_items(Storage& storage, std::uint64_t run) {
  const std::string path = next_failed_items_path(run);
  auto exists = storage.exists(path);
  if (!exists) return exists.error();
  if (!*exists) return {};
  RETURN_IF_ERROR(put_in_place(storage, path, kFailedItemsPath));
  return storage.sync_folder_of(path);
}

Result<std::vector<ScriptError>> read_first_errors(Storage& storage) {
  constexpr std::size_t kPrefix = 1U << 20U;
  FirstErrors errors;
  auto exists = storage.exists(kFailedItemsPath);
  if (!exists) return exists.error();
  if (!*exists) return errors.list();
  auto file = storage.open(kFailedItemsPath);
  if (!file) return file.error();
  std::string prefix(kPrefix, '\0');
  auto got = file.value()->read(0, prefix.data(), prefix.size());
  if (!got) return got.error();
  prefix.resize(*got);
  std::istringstream lines(prefix);
  for (std::string line; errors.list().size() < FirstErrors::kFirstErrors && std::getline(lines, line);) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) continue;
    if (is_shortfall_line(line)) {
      errors.add(shortfall_error({count_at(json, "miniBatch")}, text_at(json, "input"),
                                 count_at(json, "items"), count_at(json, "returned")));
      continue;
    }
    if (!json.contains("error") || !json["error"].is_object()) continue;
    const nlohmann::json& error = json["error"];
    errors.add({error_phase_of(text_at(error, "phase")).value_or(ErrorPhase::kNone),
                text_at(error, "type"),
                text_at(error, "message"),
                {}});
  }
  return errors.list();
}

}  // namespace parallelrun
