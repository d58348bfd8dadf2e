#include "runner/job/pod_reuse.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "common/hash/sha256.h"
#include "common/json/members.h"
#include "common/pod/pod_layout.h"
#include "common/spec/field_path.h"
#include "common/text/presentable.h"

namespace parallelrun {
namespace {

using nlohmann::json;

constexpr std::string_view kDigest = "@sha256:";

// Whether the reference names one image for ever.
bool is_pinned(std::string_view image) {
  const std::size_t at = image.rfind(kDigest);
  return at != std::string_view::npos && is_sha256_hex(image.substr(at + kDigest.size()));
}

// No absolute path, and nothing that leads out of the volume.
bool stays_inside(const std::string& sub_path) {
  if (sub_path.starts_with('/')) return false;
  const std::filesystem::path path(sub_path);
  return std::none_of(path.begin(), path.end(), [](const auto& part) { return part == ".."; });
}

// A volume of the worker's template whose files the orchestrator does not see; empty: there is none.
std::string hidden_volume(const JobSpec& spec) {
  const auto volumes = object_at(spec.cluster, "worker").find("volumes");
  if (volumes == object_at(spec.cluster, "worker").end() || !volumes->is_array()) return {};
  for (const json& volume : *volumes) {
    if (volume.is_object() && !volume.contains("emptyDir")) return text_at(volume, "name");
  }
  return {};
}

// Credentials do not count, whatever they are; what a ConfigMap says may be a setting.
std::string trouble_with_variables(const JobSpec& spec) {
  for (const json& variable : spec.environment.env) {
    if (object_at(variable, "valueFrom").contains("configMapKeyRef")) {
      return fmt::format("the value of environment.env '{}' is in a ConfigMap, which may have changed",
                         presentable(text_at(variable, "name")));
    }
  }
  return {};
}

std::string trouble_with_image(const JobSpec& spec) {
  const std::string& image = spec.environment.image;
  if (!image.empty() && !is_pinned(image)) {
    return fmt::format(
        "environment.image '{}' may be another image at another time; a name with a digest "
        "(NAME@sha256:...) cannot",
        presentable(image));
  }
  if (image.empty() && !spec.source_directory)
    return "the entry script is a file of the runner image, and nobody compares it";
  return {};
}

// The orchestrator has mounted them, but for images. (Of those in stores: never_in() of the orchestrator.)
std::string trouble_with_side_inputs(const JobSpec& spec, const PodPlaces& places) {
  const auto here = side_inputs_here(spec, places);
  for (const SideInput& side : spec.side_inputs) {
    if (!side.source.store.is_object() && !here.contains(side.name))
      return fmt::format("the side input '{}' is an image, and nobody compares it", side.name);
  }
  return {};
}

std::vector<GivenRun> runs_in(const std::string& text, const std::string& volume) {
  std::vector<GivenRun> runs;
  const json list = json::parse(text, nullptr, false);
  if (!list.is_array()) return runs;
  for (const json& one : list) {
    const std::string sub_path = text_at(one, "subPath");
    GivenRun run{text_at(one, "job"), volume + (sub_path.empty() ? "" : "/" + sub_path),
                 text_at(one, "record")};
    if (!run.job.empty() && is_sha256_hex(run.record) && stays_inside(sub_path))
      runs.push_back(std::move(run));
  }
  return runs;
}

}  // namespace

PodReuse pod_reuse(const JobSpec& spec, const PodPlaces& places, const std::string& earlier_runs) {
  PodReuse reuse;
  const pod::PodLayout layout = pod::pod_layout(spec);
  reuse.runs = runs_in(earlier_runs, places.at(layout.output.mount_path));
  reuse.image = spec.environment.image;
  if (const std::string volume = hidden_volume(spec); !volume.empty()) {
    reuse.never =
        fmt::format("'{}' of spec.worker.volumes may hold files that scripts read, and nobody compares it",
                    presentable(volume));
  }
  if (reuse.never.empty() && spec.output.mount_on_workers)
    reuse.never = "with output.mountOnWorkers the script may write results of its own";
  if (reuse.never.empty()) reuse.never = trouble_with_image(spec);
  if (reuse.never.empty()) reuse.never = trouble_with_variables(spec);
  if (reuse.never.empty()) reuse.never = trouble_with_side_inputs(spec, places);
  return reuse;
}

json to_json(const PodReuse& reuse) {
  json runs = json::array();
  for (const GivenRun& run : reuse.runs)
    runs.push_back({{"job", run.job}, {"output", run.output}, {"record", run.record}});
  return {{"runs", std::move(runs)}, {"never", reuse.never}, {"image", reuse.image}};
}

PodReuse pod_reuse_from_json(const json& document) {
  PodReuse reuse;
  reuse.never = text_at(document, "never");
  reuse.image = text_at(document, "image");
  const auto runs = document.find("runs");
  if (runs == document.end() || !runs->is_array()) return reuse;
  for (const json& run : *runs)
    reuse.runs.push_back({text_at(run, "job"), text_at(run, "output"), text_at(run, "record")});
  return reuse;
}

}  // namespace parallelrun
