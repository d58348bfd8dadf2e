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
    "put data that the script does not import on a volume (sideInputs), "
    "or leave it out in a file .parallelrunignore; else copy the folder to a volume and add "
    "--set 'sourceDirectory={persistentVolumeClaim: {claimName: CLAIM}, subPath: FOLDER}', "
    "or into an image (FROM the runner's image, COPY . /code), and name the manifest in place of the folder, "
    "with --set sourceDirectory=null --set environment.image=IMAGE --set entryScript=/code/SCRIPT";

struct File {
  std::string name;
  std::string path;
  std::size_t bytes = 0;

  // The name stands there twice, as a key and among the items.
  std::size_t bytes_with_name() const { return bytes + 2 * name.size(); }
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
  return {ErrorCode::kInvalidArgument,
          fmt::format("the folder of code '{}' has {} in {}, but ConfigMaps take at most {} MiB of code, and "
                      "of each file less than 1 MiB (the largest: {}); {}",
                      directory, size_text(total), counted(files.size(), "file"), kMostCodeInAll >> 20U,
                      largest, kOtherWays),
          false};
}

// Which files go into which ConfigMap: each into the first that has room. Pure.
std::vector<std::vector<const File*>> shared_out(const std::vector<File>& files) {
  std::vector<std::vector<const File*>> maps(1);
  std::vector<std::size_t> filled(1);
  for (const File& file : files) {
    const std::size_t bytes = file.bytes_with_name();
    std::size_t number = 0;
    while (number < maps.size() && filled[number] + bytes > kMostCodeBytes) ++number;
    if (number == maps.size()) {
      maps.emplace_back();
      filled.push_back(0);
    }
    maps[number].push_back(&file);
    filled[number] += bytes;
  }
  return maps;
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

json empty_map(const std::string& job, std::size_t number) {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata",
           {{"name", code_map_name(job, number)},
            {"labels",
             {{"app.kubernetes.io/name", "parallelrun"},
              {"app.kubernetes.io/managed-by", "parallelrun-cli"},
              {kCodeOfLabel, job}}}}}};
}

Result<std::vector<File>> files_of(const std::string& directory, const std::vector<std::string>& not_code) {
  SourceOptions options;
  options.directory = directory;
  options.not_code = not_code;
  ASSIGN_OR_RETURN(const SourceListing listing, list_source(options));
  std::vector<File> files;
  std::size_t total = 0;
  bool one_too_large = false;
  for (const SourceListing::File& file : listing.files) {
    struct stat status{};
    if (::stat(file.path.c_str(), &status) != 0) continue;  // gone meanwhile
    files.push_back({file.name, file.path, static_cast<std::size_t>(status.st_size)});
    total += files.back().bytes_with_name();
    one_too_large = one_too_large || files.back().bytes_with_name() > kMostCodeBytes;
  }
  if (one_too_large || total > kMostCodeInAll) return too_large(directory, std::move(files), total);
  if (files.size() > kMostCodeFiles)
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("the folder of code '{}' has {}, but at most {} can be mounted from ConfigMaps; {}",
                    directory, counted(files.size(), "file"), kMostCodeFiles, kOtherWays),
        false};
  return files;
}

// Puts the files into the ConfigMap. Gives the volume source that mounts it, {"name": ..., "items": ...}.
Result<json> fill(json& config_map, const std::vector<const File*>& files, std::size_t& total) {
  json items = json::array();
  std::set<std::string> taken;
  bool renamed = false;
  for (const File* file : files) {
    if (!is_utf8(file->name))
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("the file '{}' has a name that is not UTF-8; rename it, or leave it out in a file "
                      ".parallelrunignore",
                      file->path),
          false};
    ASSIGN_OR_RETURN(const std::string content, content_of(*file));
    const std::string key = key_for(file->name, taken);
    // A NUL is valid UTF-8, but no text.
    if (is_utf8(content) && content.find('\0') == std::string::npos) {
      config_map["data"][key] = content;
    } else {
      config_map["binaryData"][key] = base64(content);
    }
    items.push_back({{"key", key}, {"path", file->name}});
    renamed = renamed || key != file->name;
    total += content.size();
  }
  json source = {{"name", text_at(object_at(config_map, "metadata"), "name")}};
  if (renamed) source["items"] = std::move(items);
  return source;
}

// The sourceDirectory of them.
json joined(std::vector<json> sources) {
  if (sources.size() == 1) return {{"configMap", std::move(sources.front())}};
  json list = json::array();
  for (json& source : sources) list.push_back({{"configMap", std::move(source)}});
  return {{"projected", {{"sources", std::move(list)}}}};
}

}  // namespace

std::string code_map_name(const std::string& job, std::size_t number) {
  return number == 1 ? job + "-code" : fmt::format("{}-code-{}", job, number);
}

std::vector<std::string> code_map_names(const json& source_directory, const std::string& job) {
  const json& projected = object_at(source_directory, "projected");
  const auto list = projected.find("sources");
  const bool several = projected.is_object() && list != projected.end() && list->is_array();
  const json sources = several ? *list : json::array({source_directory});
  std::vector<std::string> names;
  for (const json& source : sources) {
    names.push_back(text_at(object_at(source, "configMap"), "name"));
    if (names.back() != code_map_name(job, names.size())) return {};
  }
  return names;
}

Result<CodeMap> code_map(const std::string& job, const std::string& directory,
                         const std::vector<std::string>& not_code) {
  ASSIGN_OR_RETURN(const std::vector<File> files, files_of(directory, not_code));
  CodeMap map;
  std::vector<json> sources;
  for (const std::vector<const File*>& part : shared_out(files)) {
    map.config_maps.push_back(empty_map(job, map.config_maps.size() + 1));
    ASSIGN_OR_RETURN(json source, fill(map.config_maps.back(), part, map.bytes));
    sources.push_back(std::move(source));
  }
  map.files = files.size();
  map.source_directory = joined(std::move(sources));
  return map;
}

CodeMap copy_of_code_map(const std::vector<json>& config_maps, const json& source, const std::string& job) {
  CodeMap map;
  for (const json& config_map : config_maps) {
    json& copy = map.config_maps.emplace_back(empty_map(job, map.config_maps.size() + 1));
    for (const char* kind : {"data", "binaryData"}) {
      const json& files = object_at(config_map, kind);
      if (files.empty()) continue;
      copy[kind] = files;
      map.files += files.size();
      for (const json& content : files) {
        if (content.is_string()) map.bytes += content.get_ref<const std::string&>().size();
      }
    }
  }
  map.source_directory = source;
  if (map.config_maps.size() == 1) {
    map.source_directory["configMap"]["name"] = code_map_name(job);
  } else {
    std::size_t number = 0;
    for (json& part : map.source_directory["projected"]["sources"])
      part["configMap"]["name"] = code_map_name(job, ++number);
  }
  return map;
}

}  // namespace parallelrun::cluster
