#include "common/pod/pod_layout.h"

#include <algorithm>

#include "common/spec/placeholders.h"

namespace parallelrun::pod {
namespace {

std::size_t volume_of(std::vector<nlohmann::json>& volumes, const nlohmann::json& source) {
  const auto found = std::find(volumes.begin(), volumes.end(), source);
  if (found != volumes.end()) return static_cast<std::size_t>(found - volumes.begin());
  volumes.push_back(source);
  return volumes.size() - 1;
}

Mount root_of(std::vector<nlohmann::json>& volumes, const Source& source, std::string mount_path) {
  Mount mount;
  mount.volume = volume_of(volumes, source.volume);
  mount.directory = source.sub_path.empty() ? mount_path : mount_path + "/" + source.sub_path;
  mount.mount_path = std::move(mount_path);
  return mount;
}

}  // namespace

std::string lease_holder(const std::string& pod_name, const std::string& pod_uid) {
  return pod_uid.empty() ? pod_name : pod_name + "." + pod_uid.substr(0, 8);
}

PodLayout pod_layout(const JobSpec& spec) {
  PodLayout layout;
  if (spec.source_directory) layout.source = root_of(layout.volumes, *spec.source_directory, kSourceVolume);
  for (const Input& input : spec.inputs) {
    layout.inputs[input.name] = root_of(layout.volumes, input.source, "/parallelrun/inputs/" + input.name);
  }
  for (const SideInput& side : spec.side_inputs) {
    Mount mount = root_of(layout.volumes, side.source, "/parallelrun/side-inputs/" + side.name);
    if (side.mount_path) {
      mount.mount_path = *side.mount_path;
      mount.mounted_sub_path = side.source.sub_path;
      mount.directory = *side.mount_path;
    }
    layout.side_inputs[side.name] = std::move(mount);
  }
  layout.output = root_of(layout.volumes, spec.output.source, kOutput);
  layout.output.read_only = false;
  layout.output_on_workers = output_on_workers(spec);
  return layout;
}

}  // namespace parallelrun::pod
