// Where the volumes of a job lie in its pods: the operator mounts by this table, the runner resolves the job
// by it. Pure. See docs/operator.md.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/spec/job_spec.h"
#include "common/spec/store_sources.h"

namespace parallelrun::pod {

inline constexpr const char* kPrograms = "/opt/parallelrun";
inline constexpr const char* kProgram = "/opt/parallelrun/bin/parallelrun";
inline constexpr const char* kJobFiles = "/parallelrun/job";
inline constexpr const char* kManifest = "/parallelrun/job/job.json";
inline constexpr const char* kAuthority = "/parallelrun/job/ca.crt";
inline constexpr const char* kCertificate = "/parallelrun/job/tls.crt";
inline constexpr const char* kKey = "/parallelrun/job/tls.key";
inline constexpr const char* kSourceVolume = "/parallelrun/source-volume";
inline constexpr const char* kSourceCopy = "/parallelrun/source";
inline constexpr const char* kScratch = "/parallelrun/scratch";
// The output volume. Of an output in a store it is a folder of the orchestrator's pod, in which it works.
inline constexpr const char* kOutput = "/parallelrun/output";
inline constexpr const char* kEarlierOutput = "/parallelrun/earlier-output";
inline constexpr const char* kSharedMemory = "/dev/shm";
// Written by the container `data` alone, which reads object stores; the runner has them read-only.
inline constexpr const char* kFetchedInputs = "/parallelrun/fetched-inputs";  // the cache
inline constexpr const char* kFetched = "/parallelrun/fetched";               // side inputs, code, the socket
inline constexpr const char* kDataSocket = "/parallelrun/fetched/data.sock";
// Of the container `data` alone: the job, and below the other one the keys of Secrets as files.
inline constexpr const char* kDataManifest = "/parallelrun/data-job/job.json";
inline constexpr const char* kDataJob = "/parallelrun/data-job";
inline constexpr const char* kCredentials = "/parallelrun/credentials";
inline constexpr const char* kDataContainer = "data";
// Variable of the runner where its pod has that container: kDataSocket. (runner/store reads it.)
inline constexpr const char* kDataSocketVariable = "PARALLELRUN_DATA_SOCKET";
// Variable of a worker's runner: how the pod before it ended, in a line.
inline constexpr const char* kPredecessorEnded = "PARALLELRUN_PREDECESSOR_ENDED";
// Variable of an orchestrator's runner: the finished jobs whose results the job may reuse, the newest first,
// as JSON: [{"job", "subPath": of the output volume, "record": SHA-256 of .parallelrun/run.json there}]. No
// `$` in it.
inline constexpr const char* kEarlierRuns = "PARALLELRUN_EARLIER_RUNS";
inline constexpr const char* kContainer = "runner";
// The label of a job's pod that says what it is: "orchestrator" or "worker".
inline constexpr const char* kRoleLabel = "parallelrun.dev/role";
// The service account of orchestrators.
inline constexpr const char* kOrchestratorAccount = "parallelrun-orchestrator";
inline constexpr int kPort = 7443;
inline constexpr std::size_t kTerminationMessageLimit = 4096;  // bytes; what a kubelet keeps

// A source in a pod.
struct Mount {
  std::size_t volume = 0;        // index into PodLayout::volumes
  std::string mount_path;        // where it is mounted
  std::string mounted_sub_path;  // `subPath` of the mount; empty: the root of the volume is mounted
  std::string directory;         // where the data is: mount_path, and below it subPath unless that is mounted
  bool read_only = true;

  bool operator==(const Mount&) const = default;
};

// A source in an object store, of which the container `data` makes files; or the output, of which the
// orchestrator's makes objects.
struct Fetched {
  StoreUse use = StoreUse::kInput;
  std::string name;         // of the input or side input; kSourceName of the code; kOutputName
  nlohmann::json source;    // {azureBlob | s3 | ...: {...}}
  std::string directory;    // in both containers; what a side input names may turn out to be one file
  std::string mount_path;   // where the runner has it besides; empty: nowhere
  std::string secret;       // name; empty: it is read as the pod's service account
  std::string credentials;  // where the keys of the Secret are files; empty: there is none

  bool operator==(const Fetched&) const = default;
};
inline constexpr const char* kSourceName = "sourceDirectory";
inline constexpr const char* kOutputName = "output";

struct PodLayout {
  std::vector<nlohmann::json> volumes;  // volume sources of the spec, each different one once
  std::map<std::string, Mount> inputs;  // by name; those in a store are in `fetched`
  std::map<std::string, Mount> side_inputs;
  std::optional<Mount> source;     // directory is that of the volume, not of the copy
  std::vector<Fetched> fetched;    // what lies in stores, in the order of the spec
  Mount output;                    // of an output in a store: an emptyDir, for as long as the pod lives
  bool output_on_workers = false;  // [output_action summary_only, mountOnWorkers, $(output)]

  bool operator==(const PodLayout&) const = default;
};

// Those that a pod needs: a worker all but the output. The orchestrator lists side inputs, to compare them
// with those of other jobs' results; not where the output lies in a store. None: no container `data`.
std::vector<Fetched> fetched_in(const PodLayout& layout, bool on_worker);
// The output in a store, as a pod has it in which somebody looks at it: there `data` reads it and writes
// nothing.
Fetched looked_at(const nlohmann::json& store);
// Null: it lies in no store.
const Fetched* find_fetched(const PodLayout& layout, StoreUse use, const std::string& name);

// Who holds the Lease of a job: one pod. A pod that was deleted by force may live on a node that is cut off,
// beside another of its name, and a job that was deleted and made anew has pods of the same names. Without a
// uid the name alone.
std::string lease_holder(const std::string& pod_name, const std::string& pod_uid);

// Precondition: no source of `spec` is `local` (a cluster refuses those).
PodLayout pod_layout(const JobSpec& spec);

// The side inputs as the orchestrator has them, which compares what they hold with what they held
// [resubmission]: among our own paths, never at a path of the worker's image. Those that are images are not
// there: they may be large, and their names stand for them.
std::map<std::string, Mount> side_inputs_on_orchestrator(const PodLayout& layout);
// The output of the job that this one is a resubmission of, in the same volume: read-only, on the
// orchestrator. `sub_path`: of that job's output source.
Mount earlier_output(const PodLayout& layout, const std::string& sub_path);

}  // namespace parallelrun::pod
