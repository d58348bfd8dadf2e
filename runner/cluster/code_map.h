// A folder of code as ConfigMaps, which is how code reaches a cluster without an image or a volume: one, or
// several that a projected volume joins. [source_directory]
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"

namespace parallelrun::cluster {

// What the API server takes as one ConfigMap is 1 MiB; some of it is for names. So no file may have more.
inline constexpr std::size_t kMostCodeBytes = (std::size_t{1} << 20U) - (std::size_t{16} << 10U);
// All together: etcd keeps it while the job is there, and each pod has it in its node's memory.
inline constexpr std::size_t kMostCodeInAll = std::size_t{16} << 20U;
// On each ConfigMap: the name of the job that it is the code of.
inline constexpr const char* kCodeOfLabel = "parallelrun.dev/code-of";
// `items` that the resource allows for one of them; and the manifest has to hold all.
inline constexpr std::size_t kMostCodeFiles = 1024;

struct CodeMap {
  std::vector<nlohmann::json> config_maps;  // without a namespace and an owner; not empty
  // {"configMap": {"name": ..., "items": ...}}, of several {"projected": {"sources": [...]}}
  nlohmann::json source_directory;
  std::size_t files = 0;
  std::size_t bytes = 0;
};

// The name of a ConfigMap of a job, from 1.
std::string code_map_name(const std::string& job, std::size_t number = 1);
// Those that `sourceDirectory` consists of, if all of them have the names of a job's code; else none. Pure.
std::vector<std::string> code_map_names(const nlohmann::json& source_directory, const std::string& job);

// All files of the folder that a job looks at (list_source()), in their subfolders. `not_code`: files and
// folders below `directory` that are left out. Reads no file before it knows that all fit. Errors:
// kInvalidArgument (too large, too many, a file outside the folder: the message names the largest files and
// the other ways), kNotFound, kIo.
Result<CodeMap> code_map(const std::string& job, const std::string& directory,
                         const std::vector<std::string>& not_code);

// The same code for another job. `config_maps`: as the server has them, in the order of code_map_names();
// `source`: the sourceDirectory that names them.
CodeMap copy_of_code_map(const std::vector<nlohmann::json>& config_maps, const nlohmann::json& source,
                         const std::string& job);

}  // namespace parallelrun::cluster
