#include "runner/cli/code_fetch.h"

#include <csignal>

#include "common/posix/signal_queue.h"
#include "runner/cli/data_process.h"
#include "runner/cli/launcher.h"
#include "runner/cli/manifest_argument.h"
#include "runner/cli/run_directory.h"
#include "runner/cli/shown.h"
#include "runner/cli/this_process.h"

namespace parallelrun {

std::optional<int> bring_code(const JobSpec& spec, const std::string& manifest, const std::string& shown,
                              LocalOverrides& overrides, const std::function<void(const std::string&)>& say) {
  const CodeInStore code = code_in_store(spec, overrides, manifest);
  if (!code.problems.empty()) {
    print_problems(code.problems, shown);
    return kExitInvalid;
  }
  if (!code.store) return std::nullopt;
  overrides.fetched_code = code.store->directory;
  const auto directory = make_run_directory();
  if (!directory) return refuse(directory.error().message, kExitFailed);
  const SignalQueue stop{SIGINT, SIGTERM, SIGHUP};
  DataProcess data(this_program(), directory->path(), overrides.data_directory);
  if (const auto refused = data.begin({*code.store}, stop, say)) return refused;
  data.stop();
  return std::nullopt;
}

}  // namespace parallelrun
