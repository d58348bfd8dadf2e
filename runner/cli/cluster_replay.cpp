#include "runner/cli/cluster_replay.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/json/compact_text.h"
#include "common/json/members.h"
#include "common/openssl/base64.h"
#include "common/pod/pod_layout.h"
#include "common/spec/dataset_use.h"
#include "common/spec/manifest.h"
#include "common/text/counted.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/data_process.h"
#include "runner/cli/launcher.h"
#include "runner/cli/manifest_argument.h"
#include "runner/cli/replay_pack.h"
#include "runner/cli/shown.h"
#include "runner/cluster/interrupt.h"
#include "runner/cluster/look.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A word on a command line has at most 128 KiB.
constexpr std::size_t kLongestJob = 120'000;

// With the data that its datasets had when it started, which its status says.
json with_recorded_datasets(json job) {
  const json& status = object_at(job, "status");
  const auto recorded = status.find("datasets");
  std::vector<PinnedDataset> pinned;
  if (recorded == status.end() || !recorded->is_array()) return job;
  for (json entry : *recorded) {
    if (entry.is_object()) entry.erase("deleted");
    if (auto one = pinned_dataset_from_json(entry)) pinned.push_back(std::move(*one));
  }
  return pinned.empty() ? job : with_datasets(std::move(job), pinned).document;
}

// What the pod mounts, and where it finds it.
struct InPod {
  std::vector<cluster::LookMount> mounts;
  std::vector<std::string> arguments;
};

void add_place(const pod::PodLayout& layout, const pod::Mount& mount, const std::string& argument,
               InPod& in_pod) {
  in_pod.mounts.push_back({layout.volumes.at(mount.volume), mount.mount_path, mount.mounted_sub_path});
  in_pod.arguments.push_back(argument + mount.directory);
}

InPod places_in_pod(const JobSpec& spec, const LocalOverrides& overrides) {
  const pod::PodLayout layout = pod::pod_layout(spec);
  InPod in_pod;
  for (const Input& input : spec.inputs) {
    if (input.source.volume.is_null() || overrides.inputs.contains(input.name)) continue;
    add_place(layout, layout.inputs.at(input.name), "--input=" + input.name + "=", in_pod);
  }
  for (const SideInput& side : spec.side_inputs) {
    if (side.source.volume.is_null() || overrides.side_inputs.contains(side.name)) continue;
    // Never at a path of the image, which the programs may need.
    pod::Mount mount = layout.side_inputs.at(side.name);
    mount.mount_path = "/parallelrun/side-inputs/" + side.name;
    mount.mounted_sub_path.clear();
    mount.directory =
        side.source.sub_path.empty() ? mount.mount_path : mount.mount_path + "/" + side.source.sub_path;
    add_place(layout, mount, "--side-input=" + side.name + "=", in_pod);
  }
  const bool code = spec.source_directory && !spec.source_directory->volume.is_null();
  if (code && !overrides.source_directory) add_place(layout, *layout.source, "--code=", in_pod);
  return in_pod;
}

// The manifest as the pod needs it: how inputs are read. What may be secret stays here.
std::string job_for_pod(const JobSpec& spec) {
  JobSpec bare = spec;
  bare.environment = {};
  bare.arguments.clear();
  return base64(compact_text(to_json(bare)));
}

void place_what_came(const json& head, const std::string& folder, LocalOverrides& overrides,
                     FetchedReplay& fetched) {
  const auto below = [&folder](const std::string& path) { return folder + "/" + path; };
  std::error_code error;
  for (const Input& input : fetched.spec.inputs) {
    if (input.source.volume.is_null() || overrides.inputs.contains(input.name)) continue;
    // One that the mini-batch has nothing of is empty.
    fs::create_directories(below("inputs/" + input.name), error);
    overrides.inputs[input.name] = below("inputs/" + input.name);
  }
  // What was asked for, and nothing else.
  for (const SideInput& side : fetched.spec.side_inputs) {
    const std::string path = text_at(object_at(head, "sideInputs"), side.name.c_str());
    const bool asked = !side.source.volume.is_null() && !overrides.side_inputs.contains(side.name);
    if (asked && stays_below(path)) overrides.side_inputs[side.name] = below(path);
  }
  const bool code_asked = fetched.spec.source_directory && !fetched.spec.source_directory->volume.is_null() &&
                          !overrides.source_directory;
  if (const std::string code = text_at(head, "code"); code_asked && stays_below(code))
    overrides.source_directory = below(code);
  const json& mini_batch = object_at(head, "miniBatch");
  fetched.mini_batch.id.value = count_at(mini_batch, "number");
  fetched.mini_batch.input = static_cast<std::uint32_t>(count_at(mini_batch, "input"));
  fetched.mini_batch.items = count_at(mini_batch, "items");
  fetched.mini_batch.descriptor = from_base64(text_at(mini_batch, "descriptor"));
  fetched.narrowed = head.value("narrowed", json()) == json(true);
  fetched.types = head.value("types", json());
  fetched.settings = object_at(head, "settings");
  fetched.state = below("output");
  if (const std::string words = text_at(head, "fetched"); !words.empty())
    fetched.notes.push_back("from the cluster came " + words);
  if (const std::string words = text_at(head, "note"); !words.empty()) fetched.notes.push_back(words);
}

// A script of an image, in a folder of this machine: as much of the end of its path as is there.
std::optional<std::string> script_below(const std::string& folder, const std::string& script) {
  for (std::size_t at = script.find('/'); at != std::string::npos; at = script.find('/', at + 1)) {
    std::error_code error;
    if (fs::is_regular_file(folder + script.substr(at), error)) return script.substr(at + 1);
  }
  return std::nullopt;
}

// The code of a job that has none of its own is in its image. A sentence: it is not here.
std::optional<std::string> find_code_of_image(JobSpec& spec, const LocalOverrides& overrides) {
  if (spec.source_directory || !spec.entry_script.starts_with('/')) return std::nullopt;
  if (!overrides.source_directory)
    return fmt::format(
        "the code of this job, '{}', is in its image{}; give the folder in which it lies on this machine "
        "with "
        "--source-directory DIR",
        spec.entry_script, spec.environment.image.empty() ? "" : " '" + spec.environment.image + "'");
  auto script = script_below(*overrides.source_directory, spec.entry_script);
  if (!script)
    return fmt::format(
        "--source-directory '{}' has no '{}', which is the script of the job; name the folder "
        "in which it lies on this machine",
        *overrides.source_directory, fs::path(spec.entry_script).filename().string());
  spec.entry_script = std::move(*script);
  return std::nullopt;
}

}  // namespace

std::optional<int> fetch_replay(const ClusterReplay& what, LocalOverrides& overrides,
                                FetchedReplay& fetched) {
  cluster::Interrupt interrupt;
  const auto connection = connect(what.job.cluster);
  if (!connection) return kExitInvalid;
  cluster::Jobs jobs(*connection, interrupt.token());
  const auto job = jobs.get(what.job.job);
  if (!job) return print_error(job.error());
  const std::string shown = "the job '" + what.job.job + "'";
  auto manifest = read_spec(with_recorded_datasets(*job).dump(), shown, what.overrides);
  if (!manifest) return kExitInvalid;
  fetched.spec = std::move(manifest->spec);
  const std::string text = job_for_pod(fetched.spec);
  if (const auto words = find_code_of_image(fetched.spec, overrides)) return refuse(*words, kExitInvalid);
  if (text.size() > kLongestJob)
    return refuse(fmt::format("the manifest of {} takes {}, and at most {} can be given to a pod; mount its "
                              "volumes on this machine, and replay from the output directory",
                              shown, counted(text.size(), "byte"), counted(kLongestJob, "byte")),
                  kExitInvalid);

  auto folder = make_data_directory();
  if (!folder) return refuse(folder.error().message, kExitFailed);
  fetched.folder.emplace(std::move(*folder));
  ReplayUnpacking unpacking(fetched.folder->path(), what.most_bytes);
  InPod in_pod = places_in_pod(fetched.spec, overrides);
  cluster::Look look;
  look.job = what.job.job;
  look.verb = "pack";
  look.arguments = {"--mini-batch=" + what.mini_batch, "--job=" + text,
                    "--limit=" + std::to_string(what.most_bytes)};
  if (!what.item.empty()) look.arguments.push_back("--item=" + what.item);
  look.arguments.insert(look.arguments.end(), in_pod.arguments.begin(), in_pod.arguments.end());
  look.mounts = std::move(in_pod.mounts);
  look.take = [&unpacking](std::string_view bytes) { return unpacking.take(bytes); };
  look.say = [](const std::string& words) { refuse(words, 0); };
  const auto end = cluster::look(jobs, interrupt, look);
  if (!end) return print_error(end.error());
  std::fputs(presentable_lines(end->errors).c_str(), stderr);
  if (end->exit_code != 0) return end->exit_code;
  if (const Status whole = unpacking.state(); !whole) return refuse(whole.error().message, kExitFailed);
  place_what_came(unpacking.head(), fetched.folder->path(), overrides, fetched);
  return std::nullopt;
}

}  // namespace parallelrun
