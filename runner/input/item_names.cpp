#include "runner/input/item_names.h"

#include <algorithm>

#include "common/json/json.h"
#include "common/openssl/base64.h"
#include "common/spec/utf8.h"

namespace parallelrun {

void add_file(nlohmann::ordered_json& members, const std::string& path) {
  members["file"] = path;
  if (!is_utf8(path)) members["fileBase64"] = base64(path);
}

void add_files(nlohmann::ordered_json& members, const std::vector<std::string>& paths) {
  if (!std::all_of(paths.begin(), paths.end(), [](const std::string& path) { return is_utf8(path); })) {
    nlohmann::ordered_json& bytes = members["filesBase64"] = nlohmann::ordered_json::array();
    for (const std::string& path : paths) bytes.push_back(base64(path));
  }
  members["files"] = paths;
}

}  // namespace parallelrun
