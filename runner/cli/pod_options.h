// Options that the verbs of pods share.
#pragma once

#include "common/http/endpoint.h"
#include "runner/job/pod_resolution.h"

namespace CLI {
class App;
}

namespace parallelrun {

// For tests; in a pod things are where docs/operator.md says. `places` must outlive the parse.
void add_places(CLI::App& verb, PodPlaces& places);

TlsFiles pod_tls(const PodPlaces& places);

}  // namespace parallelrun
