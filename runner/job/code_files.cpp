#include "runner/job/code_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "common/hash/sha256.h"

namespace parallelrun {
namespace {

using File = CodeFiles::value_type;

constexpr std::size_t kNamed = 5;

// The order of recording: code comes first, since it is code whose news count.
bool recorded_before(const std::string& a, const std::string& b) {
  const bool a_follows = !is_code(a);
  const bool b_follows = !is_code(b);
  return std::tie(a_follows, a) < std::tie(b_follows, b);
}

std::vector<const File*> in_order(const CodeFiles& files) {
  std::vector<const File*> order;
  order.reserve(files.size());
  for (const File& file : files) order.push_back(&file);
  std::stable_partition(order.begin(), order.end(), [](const File* file) { return is_code(file->first); });
  return order;
}

std::string folded(const std::vector<const File*>& files, std::size_t from) {
  if (from >= files.size()) return {};
  Sha256 hash;
  for (std::size_t i = from; i < files.size(); ++i) {
    hash.update_framed(files[i]->first);
    hash.update_framed(files[i]->second);
  }
  return hash.hex_digest();
}

}  // namespace

bool is_code(std::string_view name) {
  return name.ends_with(".py") || name.ends_with(".pyi") || name.ends_with(".so");
}

RecordedCode recorded_code(const CodeFiles& files, std::size_t most) {
  const std::vector<const File*> order = in_order(files);
  RecordedCode code;
  for (std::size_t i = 0; i < std::min(most, order.size()); ++i) code.files.insert(*order[i]);
  code.rest = folded(order, most);
  return code;
}

std::optional<std::string> code_difference(const RecordedCode& before, const CodeFiles& now) {
  std::vector<std::string> changed;
  std::vector<std::string> gone;
  std::vector<std::string> added;
  for (const auto& [name, digest] : before.files) {
    const auto found = now.find(name);
    if (found == now.end()) {
      gone.push_back(name + " is gone");
    } else if (found->second != digest) {
      changed.push_back(name + " changed");
    }
  }
  // Which files of now were folded is told by where the recorded ones ended, not by how many there are:
  // a new file must not push its neighbour over the edge.
  const std::vector<const File*> recorded = in_order(before.files);
  const std::vector<const File*> order = in_order(now);
  std::size_t rest = order.size();
  if (!before.rest.empty()) {
    const auto is_recorded = [&](const File* file) {
      return !recorded.empty() && !recorded_before(recorded.back()->first, file->first);
    };
    rest = static_cast<std::size_t>(std::partition_point(order.begin(), order.end(), is_recorded) -
                                    order.begin());
  }
  for (std::size_t i = 0; i < rest; ++i) {
    const std::string& name = order[i]->first;
    if (is_code(name) && !before.files.contains(name)) added.push_back(name + " is new");
  }
  std::vector<std::string> all = std::move(changed);
  all.insert(all.end(), gone.begin(), gone.end());
  all.insert(all.end(), added.begin(), added.end());
  if (folded(order, rest) != before.rest) {
    all.push_back(fmt::format("a file beyond the first {} changed, is gone or is new", before.files.size()));
  }
  if (all.empty()) return std::nullopt;
  const std::size_t named = std::min(all.size(), kNamed);
  std::string text = fmt::format("{}", fmt::join(all.begin(), all.begin() + static_cast<long>(named), ", "));
  if (all.size() > named) text += fmt::format(" and {} more", all.size() - named);
  return text;
}

nlohmann::json to_json(const RecordedCode& code) {
  nlohmann::json value = {{"files", code.files}};
  if (!code.rest.empty()) value["rest"] = code.rest;
  return value;
}

std::optional<RecordedCode> recorded_code_from_json(const nlohmann::json& value) {
  if (!value.is_object() || !value.contains("files") || !value["files"].is_object()) return std::nullopt;
  RecordedCode code;
  for (const auto& [name, digest] : value["files"].items()) {
    if (!digest.is_string()) return std::nullopt;
    code.files.emplace(name, digest.get<std::string>());
  }
  if (value.contains("rest")) {
    if (!value["rest"].is_string()) return std::nullopt;
    code.rest = value["rest"].get<std::string>();
  }
  if (value.size() != (value.contains("rest") ? 2U : 1U)) return std::nullopt;
  return code;
}

}  // namespace parallelrun
