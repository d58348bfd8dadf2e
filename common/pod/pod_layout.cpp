#include "common/pod/pod_layout.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/spec/placeholders.h"

namespace parallelrun::pod {
namespace {

constexpr const char* kSideInputs = "/parallelrun/side-inputs/";

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

Fetched fetched_of(StoreUse use, const std::string& name, const Source& source) {
  const std::string below = use == StoreUse::kInput       ? "inputs/" + name
                            : use == StoreUse::kSideInput ? "side-inputs/" + name
                            : use == StoreUse::kOutput    ? "output"
                                                          : "source";
  Fetched fetched;
  fetched.use = use;
  fetched.name = name;
  fetched.source = source.store;
  fetched.directory = use == StoreUse::kInput    ? std::string(kFetchedInputs) + "/" + name
                      : use == StoreUse::kOutput ? kOutput
                                                 : std::string(kFetched) + "/" + below;
  fetched.secret = store_secret(source.store);
  if (!fetched.secret.empty()) fetched.credentials = std::string(kCredentials) + "/" + below;
  return fetched;
}

}  // namespace

std::vector<Fetched> fetched_in(const PodLayout& layout, bool on_worker) {
  const bool output = find_fetched(layout, StoreUse::kOutput, kOutputName) != nullptr;
  const auto needs = [&](const Fetched& one) {
    if (one.use == StoreUse::kOutput) return !on_worker;
    if (one.use == StoreUse::kSideInput) return on_worker || !output;
    return true;
  };
  std::vector<Fetched> found;
  std::copy_if(layout.fetched.begin(), layout.fetched.end(), std::back_inserter(found), needs);
  return found;
}

Fetched looked_at(const nlohmann::json& store) {
  Source source;
  source.store = store;
  Fetched fetched = fetched_of(StoreUse::kOutput, kOutputName, source);
  fetched.directory = std::string(kFetched) + "/output";
  return fetched;
}

const Fetched* find_fetched(const PodLayout& layout, StoreUse use, const std::string& name) {
  const auto found = std::find_if(layout.fetched.begin(), layout.fetched.end(),
                                  [&](const Fetched& one) { return one.use == use && one.name == name; });
  return found == layout.fetched.end() ? nullptr : &*found;
}

std::string lease_holder(const std::string& pod_name, const std::string& pod_uid) {
  return pod_uid.empty() ? pod_name : pod_name + "." + pod_uid.substr(0, 8);
}

PodLayout pod_layout(const JobSpec& spec) {
  PodLayout layout;
  if (spec.source_directory && spec.source_directory->store.is_object()) {
    layout.fetched.push_back(fetched_of(StoreUse::kCode, kSourceName, *spec.source_directory));
  } else if (spec.source_directory) {
    layout.source = root_of(layout.volumes, *spec.source_directory, kSourceVolume);
  }
  for (const Input& input : spec.inputs) {
    if (input.source.store.is_object()) {
      layout.fetched.push_back(fetched_of(StoreUse::kInput, input.name, input.source));
      continue;
    }
    layout.inputs[input.name] = root_of(layout.volumes, input.source, "/parallelrun/inputs/" + input.name);
  }
  for (const SideInput& side : spec.side_inputs) {
    if (side.source.store.is_object()) {
      Fetched fetched = fetched_of(StoreUse::kSideInput, side.name, side.source);
      // A model that is one file shall keep its name.
      if (const std::string folder = store_folder_name(side.source.store); !folder.empty())
        fetched.directory += "/" + folder;
      fetched.mount_path = side.mount_path.value_or("");
      layout.fetched.push_back(std::move(fetched));
      continue;
    }
    Mount mount = root_of(layout.volumes, side.source, kSideInputs + side.name);
    if (side.mount_path) {
      mount.mount_path = *side.mount_path;
      mount.mounted_sub_path = side.source.sub_path;
      mount.directory = *side.mount_path;
    }
    layout.side_inputs[side.name] = std::move(mount);
  }
  if (spec.output.source.store.is_object()) {
    layout.fetched.push_back(fetched_of(StoreUse::kOutput, kOutputName, spec.output.source));
    layout.output = {layout.volumes.size(), kOutput, "", kOutput};
    layout.volumes.push_back({{"emptyDir", nlohmann::json::object()}});
  } else {
    layout.output = root_of(layout.volumes, spec.output.source, kOutput);
  }
  layout.output.read_only = false;
  layout.output_on_workers = output_on_workers(spec);
  return layout;
}

std::map<std::string, Mount> side_inputs_on_orchestrator(const PodLayout& layout) {
  std::map<std::string, Mount> found;
  for (const auto& [name, side] : layout.side_inputs) {
    if (layout.volumes.at(side.volume).contains("image")) continue;
    Mount mount = side;
    mount.mount_path = kSideInputs + name;
    mount.directory = mount.mount_path + side.directory.substr(side.mount_path.size());
    found[name] = std::move(mount);
  }
  return found;
}

Mount earlier_output(const PodLayout& layout, const std::string& sub_path) {
  Mount mount;
  mount.volume = layout.output.volume;
  mount.mount_path = kEarlierOutput;
  mount.directory = sub_path.empty() ? mount.mount_path : mount.mount_path + "/" + sub_path;
  return mount;
}

}  // namespace parallelrun::pod
