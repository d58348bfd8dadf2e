// The registered datasets of this machine.
#pragma once

#include "runner/cli/verbs.h"

namespace parallelrun {

// list, show, register.
Verb add_datasets(CLI::App& program);

}  // namespace parallelrun
