// The embedded CPython.
#pragma once

#include <string>

namespace parallelrun::process {

struct InterpreterOptions {
  std::string executable;  // the environment's python3: decides the venv, and is sys.executable
  std::string program;     // the Python file to run as __main__
};

// Initializes the interpreter, runs the program, finalizes. Returns the exit status of the process. Call
// once, on the main thread; a start-up error is written to stderr and gives 1.
int run_python(const InterpreterOptions& options);

// {"version": "3.11.2", "base_prefix": "/usr"} of the embedded interpreter, which the agent compares with
// those of the environment's python3.
std::string python_info();

}  // namespace parallelrun::process
