#include "runner/cli/this_process.h"

#include <sys/prctl.h>
#include <unistd.h>

#include "common/posix/running_program.h"

namespace parallelrun {

std::string this_program() {
  std::string path = running_program();
  return path.empty() ? "parallelrun" : path;
}

bool end_with_parent(pid_t parent, int signal) {
  if (parent == 0) return true;
  prctl(PR_SET_PDEATHSIG, signal);
  return getppid() == parent;
}

}  // namespace parallelrun
