#include "runner/cluster/code_map.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "common/json/members.h"
#include "common/openssl/base64.h"
#include "common/result/try.h"
#include "common/spec/utf8.h"
#include "common/text/counted.h"
#include "runner/job/source_files.h"

namespace parallelrun::cluster {
namespace {

using nlohmann::json;

constexpr std::size_t kLargestNamed = 3;
constexpr std::size_t kLongestKey = 200;  // of 253, so that a number has room

constexpr const char* kOtherWays =
    "put data that the script does not import on a volume (sideInputs), or leave it out in a file "
    ".parallelrunignore; else put the code on a volume (sourceDirectory: {persistentVolumeClaim: {claimName: "
    "...}}) or into an image (environment.image and an absolute entryScript)";

struct File {
  std::string name;
  std::string path;
  std::size_t bytes = 0;
};

std::string size_text(std::size_t bytes) {
  if (bytes >= std::size_t{1} << 30U)
    return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1U << 30U));
  if (bytes >= std::size_t{1} << 20U)
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1U << 20U));
  return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
}

Error too_large(const std::string& directory, std::vector<File> files, std::size_t total) {
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.bytes > b.bytes; });
  std::string largest;
  for (std::size_t i = 0; i < std::min(kLargestNamed, files.size()); ++i)
    largest += (i > 0 ? ", " : "") + fmt::format("'{}' {}", files[i].name, size_text(files[i].bytes));
  return {
      ErrorCode::kInvalidArgument,
      fmt::format("the folder of code '{}' has {} in {}, but a ConfigMap holds less than 1 MiB (the largest: "
                  "{}); {}",
                  directory, size_text(total), counted(files.size(), "file"), largest, kOtherWays),
      false};
}

// A key holds letters, digits, '-', '_' and '.'; the file's own name is in `items`.
std::string key_for(const std::string& name, std::set<std::string>& taken) {
  std::string key;
  for (const char c : name.substr(0, kLongestKey)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    key += plain ? c : '_';
  }
  if (key == "." || key.starts_with("..")) key.insert(0, "_");
  std::string unique = key;
  for (int number = 2; !taken.insert(unique).second; ++number) unique = fmt::format("{}.{}", key, number);
  return unique;
}

Result<std::string> content_of(const File& file) {
  std::ifstream stream(file.path, std::ios::binary);
  std::ostringstream all;
  if (stream) all << stream.rdbuf();
  if (!stream && file.bytes > 0)
    return Error{ErrorCode::kIo, fmt::format("cannot read '{}': {}", file.path, std::strerror(errno)), false};
  return all.str();
}

json empty_map(const std::string& job) {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata",
           {{"name", code_map_name(job)},
            {"labels",
             {{"app.kubernetes.io/name", "parallelrun"},
              {"app.kubernetes.io/managed-by", "parallelrun-cli"},
              {kCodeOfLabel, job}}}}}};
}

}  // namespace

std::string code_map_name(const std::string& job) { return job + "-code"; }

Result<CodeMap> code_map(const std::string& job, const std::string& directory,
                         const std::vector<std::string>& not_code) {
  SourceOptions options;
  options.directory = directory;
  options.not_code = not_code;
  ASSIGN_OR_RETURN(const SourceListing listing, list_source(options));
  std::vector<File> files;
  std::size_t total = 0;
  for (const SourceListing::File& file : listing.files) {
    struct stat status{};
    if (::stat(file.path.c_str(), &status) != 0) continue;  // gone meanwhile
    files.push_back({file.name, file.path, static_cast<std::size_t>(status.st_size)});
    total += files.back().bytes + 2 * file.name.size();
  }
  if (total > kMostCodeBytes) return too_large(directory, std::move(files), total);
  if (files.size() > kMostCodeFiles)
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("the folder of code '{}' has {}, but at most {} can be mounted from a ConfigMap; {}",
                    directory, counted(files.size(), "file"), kMostCodeFiles, kOtherWays),
        false};
  CodeMap map;
  map.config_map = empty_map(job);
  json items = json::array();
  std::set<std::string> taken;
  bool renamed = false;
  for (const File& file : files) {
    if (!is_utf8(file.name))
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("the file '{}' has a name that is not UTF-8; rename it, or leave it out in a file "
                      ".parallelrunignore",
                      file.path),
          false};
    ASSIGN_OR_RETURN(const std::string content, content_of(file));
    const std::string key = key_for(file.name, taken);
    // A NUL is valid UTF-8, but no text.
    if (is_utf8(content) && content.find('\0') == std::string::npos) {
      map.config_map["data"][key] = content;
    } else {
      map.config_map["binaryData"][key] = base64(content);
    }
    items.push_back({{"key", key}, {"path", file.name}});
    renamed = renamed || key != file.name;
    map.bytes += content.size();
  }
  map.files = files.size();
  map.source_directory = {{"configMap", {{"name", code_map_name(job)}}}};
  if (renamed) map.source_directory["configMap"]["items"] = std::move(items);
  return map;
}

CodeMap copy_of_code_map(const json& config_map, const json& source, const std::string& job) {
  CodeMap map;
  map.config_map = empty_map(job);
  for (const char* kind : {"data", "binaryData"}) {
    const json& files = object_at(config_map, kind);
    if (files.empty()) continue;
    map.config_map[kind] = files;
    map.files += files.size();
    for (const json& content : files) {
      if (content.is_string()) map.bytes += content.get_ref<const std::string&>().size();
    }
  }
  map.source_directory = source;
  map.source_directory["configMap"]["name"] = code_map_name(job);
  return map;
}

}  // namespace parallelrun::cluster
