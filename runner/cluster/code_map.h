// A folder of code as a ConfigMap, which is how small code reaches a cluster without an image or a volume.
// [source_directory]
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"

namespace parallelrun::cluster {

// What the API server takes is 1 MiB; some of it is for names.
inline constexpr std::size_t kMostCodeBytes = (std::size_t{1} << 20U) - (std::size_t{16} << 10U);
// On the ConfigMap: the name of the job that it is the code of.
inline constexpr const char* kCodeOfLabel = "parallelrun.dev/code-of";
// `items` that the resource allows.
inline constexpr std::size_t kMostCodeFiles = 1024;

struct CodeMap {
  nlohmann::json config_map;        // without a namespace and an owner
  nlohmann::json source_directory;  // {"configMap": {"name": ..., "items": ...}}
  std::size_t files = 0;
  std::size_t bytes = 0;
};

// The name of the ConfigMap of a job.
std::string code_map_name(const std::string& job);

// All files of the folder that a job looks at (list_source()), in their subfolders. `not_code`: files and
// folders below `directory` that are left out. Reads no file before it knows that all fit. Errors:
// kInvalidArgument (too large, too many, a file outside the folder: the message names the largest files and
// the other ways), kNotFound, kIo.
Result<CodeMap> code_map(const std::string& job, const std::string& directory,
                         const std::vector<std::string>& not_code);

// The same code for another job. `config_map`: as the server has it; `source`: the sourceDirectory that names
// it.
CodeMap copy_of_code_map(const nlohmann::json& config_map, const nlohmann::json& source,
                         const std::string& job);

}  // namespace parallelrun::cluster
