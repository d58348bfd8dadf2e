#include "runner/process/interpreter.h"

#include <Python.h>

#include <cstdio>
#include <string_view>

namespace parallelrun::process {
namespace {

// Clears what PyConfig owns, however the start went.
class Config {
 public:
  Config() { PyConfig_InitPythonConfig(&config_); }
  ~Config() { PyConfig_Clear(&config_); }
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;
  PyConfig* get() { return &config_; }
  PyConfig* operator->() { return &config_; }
  PyStatus set(wchar_t** field, const std::string& value) {
    return PyConfig_SetBytesString(&config_, field, value.c_str());
  }

 private:
  PyConfig config_{};
};

int report(const PyStatus& status) {
  if (PyStatus_IsExit(status)) return status.exitcode;
  std::fprintf(stderr, "parallelrun-worker: Python does not start: %s%s%s\n",
               status.func == nullptr ? "" : status.func, status.func == nullptr ? "" : ": ",
               status.err_msg == nullptr ? "unknown error" : status.err_msg);
  return 1;
}

}  // namespace

int run_python(const InterpreterOptions& options) {
  Config config;
  config->parse_argv = 0;
  config->install_signal_handlers = 1;
  config->faulthandler = 1;
  config->safe_path = 1;  // nothing of ours on sys.path: the worker puts the script's folder there
  PyStatus status = config.set(&config->executable, options.executable);
  // The path of a venv is found from the program's name.
  if (!PyStatus_Exception(status)) status = config.set(&config->program_name, options.executable);
  if (!PyStatus_Exception(status)) status = config.set(&config->run_filename, options.program);
  if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(config.get());
  if (PyStatus_Exception(status)) return report(status);
  return Py_RunMain();
}

std::string python_info() {
  // Of the library that was loaded, which may be newer than the headers: "3.11.2 (main, ...".
  const std::string_view version = Py_GetVersion();
  return R"({"version": ")" + std::string(version.substr(0, version.find(' '))) +
         R"(", "base_prefix": ")" PARALLELRUN_PYTHON_BASE_PREFIX R"("})";
}

}  // namespace parallelrun::process
