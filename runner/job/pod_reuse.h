// Whose results a job on a cluster may reuse, and what its orchestrator can know of what scripts read there
// [allow_reuse]. What it cannot know exactly keeps the job from being reused. See decision 27.
#pragma once

#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/spec/job_spec.h"
#include "runner/job/namespace_runs.h"
#include "runner/job/pod_resolution.h"

namespace parallelrun {

struct PodReuse {
  std::vector<GivenRun> runs;  // the newest first
  // Why the results stand for no other job's, in a sentence part; empty: they may (see never_reused()).
  std::string never;
  // The image that scripts run in, with its digest; empty: that of this pod.
  std::string image;

  bool operator==(const PodReuse&) const = default;
};

// Of a job whose output is a volume. `earlier_runs`: what the operator gives, pod::kEarlierRuns. What is no
// such list is as good as none.
PodReuse pod_reuse(const JobSpec& spec, const PodPlaces& places, const std::string& earlier_runs);

nlohmann::json to_json(const PodReuse& reuse);
// Of what to_json() made.
PodReuse pod_reuse_from_json(const nlohmann::json& document);

}  // namespace parallelrun
