// The Python that scripts run with, and what is installed beside it: what they import, and no manifest names.
#pragma once

#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"

namespace parallelrun {

struct InstalledPython {
  // {"version", "prefix", "packages": {"numpy-1.26.4": time of its installation}}
  nlohmann::json packages;
  // Folders that modules are imported from and that hold no installed packages: of PYTHONPATH, and of
  // packages that are installed to be edited. Their code counts.
  std::vector<std::string> folders;
};

// Runs it, for some 20 ms. `environment`: NAME=VALUE, all of it. Errors: kNotFound (no python3), kIo.
Result<InstalledPython> installed_python(const std::vector<std::string>& environment);

}  // namespace parallelrun
