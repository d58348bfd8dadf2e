// A job in its pods: its volumes are where common/pod's table says. The same rules as on one machine
// (local_resolution.h), with messages that speak of volumes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/pod/pod_layout.h"
#include "common/spec/job_spec.h"
#include "common/spec/problems.h"
#include "runner/job/resolved_job.h"

namespace parallelrun {

// The paths of the table. Volumes, which pods share, are below `root` (empty in a pod; tests have a
// directory); what a pod has for itself stands alone.
struct PodPlaces {
  std::string root;
  std::string job_files = pod::kJobFiles;
  std::string source_copy = pod::kSourceCopy;
  std::string scratch = pod::kScratch;

  std::string at(const std::string& path) const { return root + path; }
  // Of a path below pod::kJobFiles.
  std::string job_file(const std::string& path) const {
    return job_files + path.substr(std::string_view(pod::kJobFiles).size());
  }
};

struct PodResolution {
  ResolvedJob job;                    // whole only where ok()
  std::vector<SpecProblem> problems;  // paths are fields of the custom resource
  // One of the problems may pass by itself, such as a file server that does not answer.
  bool passing = false;

  bool ok() const { return problems.empty(); }
};

// Where the code lies before it is copied.
struct CodePlace {
  std::string directory;
  std::string boundary;  // the root of its volume
};

// Of a volume, or what was fetched from a store; nothing without [source_directory]. What is wrong with it
// goes into `resolution`.
std::optional<CodePlace> code_place(const JobSpec& spec, const PodPlaces& places, PodResolution& resolution);

// For the orchestrator's pod. Precondition: no `local` source; the code, if there is one, lies at
// places.source_copy. Makes the output directory below its volume; reads the whole code for its hash. A
// script of the worker's image is not looked at: it is not in this pod.
PodResolution resolve_in_pod(const JobSpec& spec, const PodPlaces& places);

// Where the orchestrator's pod has the side inputs that lie in volumes, which scripts have elsewhere.
std::map<std::string, std::string> side_inputs_here(const JobSpec& spec, const PodPlaces& places);

// For a worker's pod, where `job` came from the orchestrator: its code is at places.source_copy, and the
// volumes must be there as the table says (what lies in stores is there before the runner starts). Errors:
// kNotFound naming the field (of no use to try again here).
Status settle_in_worker(ResolvedJob& job, const PodPlaces& places);

}  // namespace parallelrun
