// parallelrun-worker: the worker process with an embedded CPython. Started by the agent, which speaks to it
// over file descriptor 3 (runner/channel/frames.h).
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runner/process/interpreter.h"

namespace {

std::string from_environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--python-info") {
    std::puts(parallelrun::process::python_info().c_str());
    return 0;
  }
  if (argc > 2) {
    std::fprintf(stderr, "usage: parallelrun-worker [--python-info]; `parallelrun agent` starts it\n");
    return 2;
  }
  const std::string folder = from_environment("PARALLELRUN_PYTHON_PATH", "");
  if (folder.empty()) {
    std::fprintf(stderr,
                 "parallelrun-worker: PARALLELRUN_PYTHON_PATH is not set; set it to the folder of the "
                 "package parallelrun_worker\n");
    return 2;
  }
  const std::string program = folder + "/parallelrun_worker/__main__.py";
  if (::access(program.c_str(), R_OK) != 0) {
    std::fprintf(stderr, "parallelrun-worker: cannot read %s; PARALLELRUN_PYTHON_PATH is %s\n",
                 program.c_str(), folder.c_str());
    return 2;
  }
  return parallelrun::process::run_python(
      {.executable = from_environment("PARALLELRUN_PYTHON_EXECUTABLE", PARALLELRUN_PYTHON_EXECUTABLE_DEFAULT),
       .program = program});
}
