// What a mini-batch of a job in a cluster needs, brought to this machine by a short-lived pod that mounts the
// job's volumes (pack_verb.cpp). What lies in stores stays there: it is read from here, as in a run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/posix/private_directory.h"
#include "common/spec/job_spec.h"
#include "runner/cli/job_argument.h"
#include "runner/job/local_resolution.h"
#include "runner/plan/mini_batch.h"

namespace parallelrun {

struct ClusterReplay {
  JobArgument job;
  std::string mini_batch;
  std::string item;
  std::vector<std::string> overrides;  // --set
  std::uint64_t most_bytes = 0;
};

struct FetchedReplay {
  JobSpec spec;
  std::optional<PrivateDirectory> folder;
  std::string state;  // in the place of the output directory: what the job has decided, and its groups
  nlohmann::json settings;
  nlohmann::json types;
  MiniBatch mini_batch;
  bool narrowed = false;           // to the part or the item
  std::vector<std::string> notes;  // what is not as it was, and what was fetched
};

// What `overrides` has a folder for is not fetched; of the rest it gets where it is. An exit code: it cannot
// be had, and that has been said. Blocks SIGINT, SIGTERM and SIGHUP in this thread from here on.
std::optional<int> fetch_replay(const ClusterReplay& what, LocalOverrides& overrides, FetchedReplay& fetched);

}  // namespace parallelrun
