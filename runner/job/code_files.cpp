#include "runner/job/code_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "common/hash/sha256.h"
#include "common/text/first_of.h"

namespace parallelrun {
namespace {

constexpr std::size_t kNamed = 5;

std::string folded(const CodeFiles& files, std::size_t from) {
  if (from >= files.size()) return {};
  Sha256 hash;
  for (auto file = std::next(files.begin(), static_cast<std::ptrdiff_t>(from)); file != files.end(); ++file) {
    hash.update_framed(file->first);
    hash.update_framed(file->second);
  }
  return hash.hex_digest();
}

CodeFiles first_files(const CodeFiles& files, std::size_t most) {
  return {files.begin(), std::next(files.begin(), static_cast<std::ptrdiff_t>(std::min(most, files.size())))};
}

// `rest`: of what followed those of `before`; empty: nothing did.
std::optional<std::string> difference(const CodeFiles& before, const std::string& rest,
                                      const CodeFiles& now) {
  std::vector<std::string> all;
  for (const auto& [name, digest] : before) {
    const auto found = now.find(name);
    if (found != now.end() && found->second != digest) all.push_back(name + " changed");
  }
  for (const auto& [name, digest] : before) {
    if (!now.contains(name)) all.push_back(name + " was removed");
  }
  // Which files of now were folded is told by where the recorded ones ended, not by how many there are: a new
  // file must not push its neighbour over the edge.
  const auto edge = rest.empty()     ? now.end()
                    : before.empty() ? now.begin()
                                     : now.upper_bound(before.rbegin()->first);
  for (auto file = now.begin(); file != edge; ++file) {
    if (!before.contains(file->first)) all.push_back(file->first + " is new");
  }
  if (folded(now, static_cast<std::size_t>(std::distance(now.begin(), edge))) != rest) {
    all.push_back(fmt::format("a file after the first {} changed, was removed or is new", before.size()));
  }
  if (all.empty()) return std::nullopt;
  return first_of(all, kNamed, Joined::kNames);
}

}  // namespace

RecordedCode recorded_code(const CodeFiles& code, const CodeFiles& others, std::size_t most) {
  return {first_files(code, most), folded(code, most), first_files(others, most), folded(others, most)};
}

std::optional<std::string> code_difference(const RecordedCode& before, const CodeFiles& now) {
  return difference(before.files, before.rest, now);
}

std::optional<std::string> code_difference(const CodeFiles& before, const CodeFiles& now) {
  return difference(before, "", now);
}

std::optional<std::string> others_difference(const RecordedCode& before, const CodeFiles& now) {
  return difference(before.others, before.others_rest, now);
}

nlohmann::json to_json(const RecordedCode& code) {
  nlohmann::json value = {{"files", code.files}, {"others", code.others}};
  if (!code.rest.empty()) value["rest"] = code.rest;
  if (!code.others_rest.empty()) value["othersRest"] = code.others_rest;
  return value;
}

std::optional<RecordedCode> recorded_code_from_json(const nlohmann::json& value) {
  if (!value.is_object()) return std::nullopt;
  RecordedCode code;
  const auto read_files = [&](const char* key, CodeFiles& into) {
    if (!value.contains(key) || !value[key].is_object()) return false;
    for (const auto& [name, digest] : value[key].items()) {
      if (!digest.is_string()) return false;
      into.emplace(name, digest.get<std::string>());
    }
    return true;
  };
  const auto read_rest = [&](const char* key, std::string& into) {
    if (!value.contains(key)) return true;
    if (!value[key].is_string()) return false;
    into = value[key].get<std::string>();
    return true;
  };
  if (!read_files("files", code.files) || !read_files("others", code.others) ||
      !read_rest("rest", code.rest) || !read_rest("othersRest", code.others_rest)) {
    return std::nullopt;
  }
  const std::size_t members =
      2U + (value.contains("rest") ? 1U : 0U) + (value.contains("othersRest") ? 1U : 0U);
  if (value.size() != members) return std::nullopt;
  return code;
}

}  // namespace parallelrun
