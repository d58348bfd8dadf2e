// What containers of pods have in common, in a job's pods and in one that looks at an output.
#pragma once

#include <cstddef>
#include <string>

#include "common/json/json.h"

namespace parallelrun::pod {

inline nlohmann::json mount_at(const std::string& volume, const std::string& path, bool read_only) {
  nlohmann::json mount = {{"name", volume}, {"mountPath", path}};
  if (read_only) mount["readOnly"] = true;
  return mount;
}

// The pod's name of PodLayout::volumes[index].
inline std::string data_volume(std::size_t index) { return "data-" + std::to_string(index); }

inline nlohmann::json container_security(bool read_only_root) {
  nlohmann::json security = {{"allowPrivilegeEscalation", false},
                             {"capabilities", {{"drop", nlohmann::json::array({"ALL"})}}}};
  if (read_only_root) security["readOnlyRootFilesystem"] = true;
  return security;
}

inline constexpr int kReadableByGroup = 0440;  // the mode of files of Secrets

}  // namespace parallelrun::pod
