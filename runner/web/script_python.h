// The Python that scripts run with when the page's server starts them, and the one that a job ran with.
#pragma once

#include <mutex>
#include <string>

#include "common/result/result.h"

namespace parallelrun::web {

// Its path, chosen as the agent chooses it (runner/agent/python_environment.cpp). Looks at the disk, and
// starts nothing. Errors: kNotFound, with the way out.
Result<std::string> script_python();

// The same in words, "Python 3.11.2 of /usr". It is asked once: what this process was started with stays.
// May be used by several threads at once.
class PythonHere {
 public:
  // Empty: it does not say.
  std::string get();

 private:
  std::once_flag asked_;
  std::string words_;
};
// The same of the job of an output directory, as it was noted there; empty: it does not say.
std::string python_of_job(const std::string& directory);

}  // namespace parallelrun::web
