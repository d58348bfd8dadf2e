#include "runner/cli/code_fetch.h"

#include <csignal>
#include <cstdio>
#include <vector>

#include "common/posix/signal_queue.h"
#include "common/text/presentable.h"
#include "runner/cli/data_process.h"
#include "runner/cli/launcher.h"
#include "runner/cli/run_directory.h"
#include "runner/cli/shown.h"

namespace parallelrun {
std::optional<int> fetch_code(const StoreInUse& code, const std::string& program,
                              const std::string& data_directory,
                              const std::function<void(const std::string&)>& say) {
  const auto directory = make_run_directory();
  if (!directory) return refuse(directory.error().message, kExitFailed);
  const SignalQueue stop{SIGINT, SIGTERM, SIGHUP};
  DataProcess data(program, directory->path(), data_directory);
  if (const Status started = data.start({code}); !started)
    return refuse(started.error().message, kExitFailed);
  while (true) {
    const DataProcess::State state = data.wait(stop.descriptor(), say);
    if (state == DataProcess::State::kReady) break;
    if (state == DataProcess::State::kFailed)
      return refuse(data.failure(), data.refused() ? kExitInvalid : kExitFailed);
    if (stop.take() != 0) return kExitInterrupted;
  }
  data.stop();
  return std::nullopt;
}

}  // namespace parallelrun
