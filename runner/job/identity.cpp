#include "runner/job/identity.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "common/hash/sha256.h"
#include "common/json/compact_text.h"
#include "common/spec/dataset_use.h"
#include "common/spec/field_path.h"
#include "common/spec/fields.h"
#include "common/spec/store_sources.h"
#include "common/spec/utf8.h"
#include "common/text/presentable.h"

namespace parallelrun {
namespace {

using nlohmann::json;

std::string digest(const std::string& value) { return "sha256:" + sha256_hex(value).substr(0, 16); }

constexpr const char* kPlace = "directory";
constexpr const char* kFromOutput = "fromOutput";
constexpr const char* kObject = "object";
constexpr const char* kOutput = "output";

// A directory as the thing that it is, wherever it has been moved to: its file system, its number there, and
// when it was made, since numbers are given again; where that is not kept, when an entry of it was last made
// or removed. Empty: there is no such directory.
std::string object_of(const std::string& directory) {
  struct statx info{};
  if (::statx(AT_FDCWD, directory.c_str(), 0, STATX_INO | STATX_BTIME | STATX_MTIME, &info) != 0) return {};
  const bool born = (info.stx_mask & STATX_BTIME) != 0 && info.stx_btime.tv_sec != 0;
  const auto& time = born ? info.stx_btime : info.stx_mtime;
  return fmt::format("{}:{}:{}:{}{}.{:09}", info.stx_dev_major, info.stx_dev_minor, info.stx_ino,
                     born ? "b" : "m", static_cast<std::int64_t>(time.tv_sec),
                     static_cast<std::uint32_t>(time.tv_nsec));
}

// A place that was named as a volume is that volume. A directory of this machine is known by three names, of
// which one suffices (same_place): where it is, where it is as seen from the output, and which object it is.
// So a folder that holds everything may be moved or copied, the output may be moved, and the data may be
// moved.
json place_of(const Source& source, const json& written, const std::string& directory,
              const std::string& output) {
  if (source.store.is_object()) return identity_of_store(source.store);
  if (!source.local_path) {
    // Which dataset named the volume says nothing of the data.
    json place = written;
    place.erase(std::string(kFromDataset));
    return place;
  }
  return {{kPlace, directory},
          {kFromOutput, std::filesystem::path(directory).lexically_relative(output).string()},
          {kObject, object_of(directory)}};
}

bool same_place(const json& before, const json& now) {
  const bool old_form = before.is_string();  // where it is, alone
  if (!now.is_object() || !now.contains(kFromOutput) || (!before.is_object() && !old_form)) return false;
  if (old_form) return before == now[kPlace];
  for (const char* name : {kPlace, kFromOutput, kObject}) {
    const json mine = before.value(name, json());
    if (mine.is_string() && !mine.get_ref<const std::string&>().empty() && mine == now.value(name, json()))
      return true;
  }
  return false;
}

// Takes over what is written of each place of `before` that is the same place.
void settle_places(const json& before, json& now) {
  if (same_place(before, now)) {
    now = before;
  } else if (before.is_object() && now.is_object()) {
    for (auto& [key, value] : now.items()) {
      if (before.contains(key)) settle_places(before[key], value);
    }
  } else if (before.is_array() && now.is_array()) {
    for (std::size_t i = 0; i < std::min(before.size(), now.size()); ++i) settle_places(before[i], now[i]);
  }
}

// A place that is another one now, for people.
void show_places(json& settings) {
  if (settings.is_object() && settings.contains(kFromOutput) && settings.contains(kPlace)) {
    settings = json(settings[kPlace]);
  } else if (settings.is_structured()) {
    for (json& item : settings) show_places(item);
  }
}

// A job of text rows records no format, for people.
void show_default_format(json& settings) {
  if (settings.is_object() && !settings.contains(kOutput))
    settings[kOutput]["format"] = to_string(OutputFormat::kText);
}

json by_name(const json& list) {
  json object = json::object();
  for (const json& item : list) object[item.at("name").get<std::string>()] = item;
  return object;
}

json environment_of(const JobSpec& spec, json written) {
  if (written.contains("variables")) {
    for (json& value : written["variables"]) value = digest(value.get<std::string>());
  }
  if (written.contains("env")) {
    written["env"] = by_name(written["env"]);
    for (json& item : written["env"]) {
      item.erase("name");
      if (item.contains("value") && item["value"].is_string())
        item["value"] = digest(item["value"].get<std::string>());
    }
  }
  // Nor does a password make another environment, and it must not stand in a file.
  if (written.contains("requirements")) {
    for (json& one : written["requirements"]) one = without_credentials(one.get<std::string>());
  }
  // "" and absent are the same environment.
  if (spec.environment.image.empty()) written.erase("image");
  return written;
}

json without_credentials_each(const std::vector<std::string>& texts) {
  json list = json::array();
  for (const std::string& text : texts) list.push_back(without_credentials(text));
  return list;
}

std::string brief(const json& value) {
  constexpr std::size_t kMost = 120;
  std::string text = compact_text(value);
  if (text.size() > kMost) text = std::string(utf8_prefix(text, kMost)) + "...";
  return text;
}

void compare(const std::string& path, const json* before, const json* now,
             std::vector<std::string>& differences) {
  if (before != nullptr && now != nullptr) {
    if (*before == *now) return;
    if (before->is_object() && now->is_object()) {
      std::set<std::string> keys;
      for (const auto& item : before->items()) keys.insert(item.key());
      for (const auto& item : now->items()) keys.insert(item.key());
      for (const std::string& key : keys) {
        compare(child_path(path, key), before->contains(key) ? &(*before)[key] : nullptr,
                now->contains(key) ? &(*now)[key] : nullptr, differences);
      }
      return;
    }
    differences.push_back(
        fmt::format("{}: was {}, now {}", path.empty() ? "settings" : path, brief(*before), brief(*now)));
  } else if (before != nullptr) {
    differences.push_back(fmt::format("{}: was {}, now not set", path, brief(*before)));
  } else {
    differences.push_back(fmt::format("{}: was not set, now {}", path, brief(*now)));
  }
}

}  // namespace

json identifying_settings(const ResolvedJob& job) {
  json settings = identifying_fields(job.spec, Identity::kJob);
  // A list: the order of inputs is the order of mini-batches.
  for (std::size_t i = 0; i < job.spec.inputs.size(); ++i) {
    const Input& input = job.spec.inputs[i];
    json& source = settings["inputs"][i]["source"];
    const auto directory = job.input_directories.find(input.name);
    source = place_of(input.source, source, directory == job.input_directories.end() ? "" : directory->second,
                      job.output_directory);
  }
  json side_inputs = json::object();
  for (std::size_t i = 0; i < job.spec.side_inputs.size(); ++i) {
    const SideInput& input = job.spec.side_inputs[i];
    const auto directory = job.side_input_directories.find(input.name);
    side_inputs[input.name] = place_of(input.source, settings["sideInputs"][i]["source"],
                                       directory == job.side_input_directories.end() ? "" : directory->second,
                                       job.output_directory);
  }
  settings["sideInputs"] = std::move(side_inputs);
  settings["code"] =
      job.code_files.empty() ? json(job.code_hash) : to_json(recorded_code(job.code_files, job.other_files));
  settings["arguments"] = without_credentials_each(job.spec.arguments);
  settings["environment"] = environment_of(job.spec, settings["environment"]);
  return settings;
}

std::string fingerprint(const json& identifying_settings) {
  return sha256_hex(compact_text(identifying_settings));
}

std::string fingerprint(const ResolvedJob& job) { return fingerprint(identifying_settings(job)); }

std::optional<std::string> changed_beside_code(const json& before, const ResolvedJob& now) {
  if (!before.is_object() || !before.contains("code") || now.code_files.empty()) return std::nullopt;
  const std::optional<RecordedCode> recorded = recorded_code_from_json(before["code"]);
  return recorded ? others_difference(*recorded, now.other_files) : std::nullopt;
}

std::vector<std::string> differing_values(const json& before, const json& now) {
  std::vector<std::string> differences;
  compare("", &before, &now, differences);
  return differences;
}

std::vector<std::string> differing_settings(const json& before, const ResolvedJob& now) {
  json settings = identifying_settings(now);
  std::optional<std::string> code;
  const std::optional<RecordedCode> recorded =
      before.is_object() && before.contains("code") ? recorded_code_from_json(before["code"]) : std::nullopt;
  if (recorded && !now.code_files.empty()) {
    code = code_difference(*recorded, now.code_files);
    settings["code"] = before["code"];
  }
  settle_places(before, settings);
  json shown = before;
  show_places(shown);
  show_places(settings);
  show_default_format(shown);
  show_default_format(settings);
  std::vector<std::string> differences = differing_values(shown, settings);
  if (code) {
    differences.push_back("code: " + *code);
    std::sort(differences.begin(), differences.end());
  }
  return differences;
}

}  // namespace parallelrun
