#include "runner/job/installed_python.h"

#include <chrono>

#include "common/posix/environment.h"
#include "common/posix/program_run.h"
#include "common/result/try.h"

namespace parallelrun {
namespace {

constexpr std::chrono::seconds kPatience{20};
constexpr std::size_t kLongestAnswer = std::size_t{8} << 20U;

// The first entry of sys.path is the working directory for -c, unless Python was told to leave it out: the
// script has its own folder there, which counts as code.
constexpr const char* kQuestion = R"(
import json, os, sys
packages, folders = {}, []
standard = os.path.dirname(os.path.realpath(os.__file__))
for place in sys.path[0 if getattr(sys.flags, "safe_path", False) else 1:]:
    real = os.path.realpath(place)
    if os.path.basename(real) in ("site-packages", "dist-packages"):
        for name in os.listdir(real) if os.path.isdir(real) else ():
            stem, ending = os.path.splitext(name)
            if ending in (".dist-info", ".egg-info"):
                packages[stem] = str(os.stat(os.path.join(real, name)).st_mtime_ns)
    elif os.path.exists(real) and real != standard and not real.startswith(standard + os.sep):
        folders.append(real)
for finder in sys.meta_path:
    mapping = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", None)
    folders += map(os.path.realpath, mapping.values() if isinstance(mapping, dict) else ())
print(json.dumps({"packages": {"version": sys.version, "prefix": sys.prefix, "packages": packages},
                  "folders": sorted(set(folders))}))
)";

// As the agent chooses it (runner/agent/python_environment.cpp).
std::string program() {
  const std::string active = environment_variable("VIRTUAL_ENV");
  if (!active.empty()) return active + "/bin/python3";
  const std::string own = environment_variable("PARALLELRUN_DEFAULT_PYTHON");
  return own.empty() ? "python3" : own;
}

bool is_whole(const nlohmann::json& answer) {
  return answer.is_object() && answer.contains("packages") && answer["packages"].is_object() &&
         answer.contains("folders") && answer["folders"].is_array();
}

}  // namespace

Result<InstalledPython> installed_python(const std::vector<std::string>& environment) {
  ASSIGN_OR_RETURN(const ProgramOutcome outcome,
                   run_program({program(), {"-c", kQuestion}, environment, kPatience, kLongestAnswer}));
  const nlohmann::json answer = nlohmann::json::parse(outcome.output, nullptr, false);
  if (outcome.exit_code != 0 || !is_whole(answer)) {
    return Error{ErrorCode::kIo, "python3 does not say what is installed: " + outcome.errors};
  }
  InstalledPython found;
  found.packages = answer["packages"];
  for (const nlohmann::json& folder : answer["folders"]) {
    if (folder.is_string()) found.folders.push_back(folder.get<std::string>());
  }
  return found;
}

}  // namespace parallelrun
