// What the container `data` of a pod is told, in a job's pods and in one that looks at an output. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "common/json/json.h"
#include "common/spec/job_spec.h"

namespace parallelrun::pod {

// Its variables: of the job's own those that say how to reach a store.
nlohmann::json data_environment(const JobSpec& spec, const std::optional<std::uint64_t>& cache_size);

// When its process is ready. One look takes as long as the process needs, 20 s at most: so a pod starts at
// once then, and a long download makes few events.
nlohmann::json data_startup_probe(int most_looks);

}  // namespace parallelrun::pod
