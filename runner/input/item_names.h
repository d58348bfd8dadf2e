// Names of objects in failed_items.jsonl. Names are whatever bytes a user's disk holds, JSON is UTF-8.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace parallelrun {

// "file": the path; where it is not UTF-8, "fileBase64" holds it byte for byte beside the readable form.
void add_file(nlohmann::ordered_json& members, const std::string& path);
// "files", and "filesBase64" with all of them where one is not UTF-8.
void add_files(nlohmann::ordered_json& members, const std::vector<std::string>& paths);

}  // namespace parallelrun
