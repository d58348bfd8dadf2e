#include "runner/job/installed_python.h"

#include <chrono>

#include "common/json/members.h"
#include "common/posix/program_run.h"
#include "common/result/try.h"

namespace parallelrun {
namespace {

constexpr std::chrono::seconds kPatience{20};
constexpr std::size_t kLongestAnswer = std::size_t{8} << 20U;

// The first entry of sys.path is the working directory for -c: the script has its own folder there, which
// counts as code.
constexpr const char* kQuestion = R"(
import json, os, sys
packages, folders = {}, []
standard = os.path.dirname(os.path.realpath(os.__file__))
for place in sys.path[1:]:
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

}  // namespace

Result<InstalledPython> installed_python(const std::vector<std::string>& environment) {
  ASSIGN_OR_RETURN(const ProgramOutcome outcome,
                   run_program({"python3", {"-c", kQuestion}, environment, kPatience, kLongestAnswer}));
  const nlohmann::json answer = nlohmann::json::parse(outcome.output, nullptr, false);
  if (outcome.exit_code != 0 || !object_at(answer, "packages").is_object() ||
      !answer.value("folders", nlohmann::json()).is_array()) {
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
