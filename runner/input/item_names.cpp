#include "runner/input/item_names.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "common/json/json.h"
#include "common/spec/utf8.h"

namespace parallelrun {
namespace {

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view three = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8U | (i < three.size() ? static_cast<unsigned char>(three[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      text.push_back(i <= three.size() ? kDigits[bits >> (18 - 6 * i) & 63U] : '=');
  }
  return text;
}

}  // namespace

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
