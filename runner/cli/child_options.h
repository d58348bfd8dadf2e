// Options that the orchestrator and the agents of a job share, as processes of their own.
#pragma once

#include <sys/types.h>

#include "common/http/endpoint.h"

namespace CLI {
class App;
}

namespace parallelrun {

// `tls` and `parent` must outlive the parse.
void add_child_options(CLI::App& verb, TlsFiles& tls, pid_t& parent);

}  // namespace parallelrun
