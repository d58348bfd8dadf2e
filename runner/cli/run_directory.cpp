#include "runner/cli/run_directory.h"

#include <array>
#include <cstdlib>

namespace parallelrun {
namespace {

// The job file and the socket lie in a directory of the run. The system allows 107 bytes for the path of a
// socket, and the temporary folders of batch systems are often longer.
constexpr std::string_view kRunDirectory = "parallelrun-run";
constexpr std::string_view kAgentDirectory = "parallelrun-agent";  // made by agents
constexpr std::size_t kLongestSocketPath = 107;

}  // namespace

Result<PrivateDirectory> make_run_directory() {
  Error last{ErrorCode::kIo, "there is no directory /tmp"};
  const std::array<const char*, 3> bases{std::getenv("XDG_RUNTIME_DIR"), std::getenv("TMPDIR"), "/tmp"};
  for (const char* base : bases) {
    if (base == nullptr || *base != '/') continue;
    for (const std::string_view prefix : {kRunDirectory, kAgentDirectory}) {
      PrivateDirectory::remove_abandoned(base, prefix);
    }
    auto made = PrivateDirectory::make(base, kRunDirectory);
    if (made && made->path().size() + kOrchestratorSocket.size() <= kLongestSocketPath) return made;
    if (!made) last = made.error();
  }
  return Error{last.code, last.message + "; set TMPDIR to a directory with a short path where you may write"};
}

}  // namespace parallelrun
