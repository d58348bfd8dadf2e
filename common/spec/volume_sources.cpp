#include "common/spec/volume_sources.h"

#include <algorithm>

namespace parallelrun {
namespace {

constexpr bool kRequired = true;
constexpr bool kReadOnly = false;
constexpr bool kWritable = true;

std::vector<VolumeKind> all_volume_kinds() {
  std::vector<VolumeKind> kinds = {
      {"configMap", kReadOnly, "", {{"name", kRequired}, {"items"}, {"defaultMode"}, {"optional"}}},
      {"secret", kReadOnly, "", {{"secretName", kRequired}, {"items"}, {"defaultMode"}, {"optional"}}},
      {"persistentVolumeClaim", kWritable, "", {{"claimName", kRequired}, {"readOnly"}}},
      {"hostPath", kWritable, "", {{"path", kRequired}, {"type"}}},
      {"nfs", kWritable, "", {{"server", kRequired}, {"path", kRequired}, {"readOnly"}}},
      {"csi",
       kWritable,
       "",
       {{"driver", kRequired}, {"readOnly"}, {"fsType"}, {"volumeAttributes"}, {"nodePublishSecretRef"}}},
      {"projected", kReadOnly, "", {{"sources", kRequired, false}, {"defaultMode"}}},
      {"image", kReadOnly, "", {{"reference", kRequired}, {"pullPolicy"}}},
      {"azureFile", kWritable, "", {{"secretName", kRequired}, {"shareName", kRequired}, {"readOnly"}}},
      {"emptyDir",
       kWritable,
       "an emptyDir starts empty and is deleted with its pod, so it can hold neither data nor results",
       {}},
      {"downwardAPI", kReadOnly, "", {}},
  };
  for (const char* name :
       {"awsElasticBlockStore", "azureDisk", "cephfs", "cinder", "ephemeral", "fc", "flexVolume", "flocker",
        "gcePersistentDisk", "gitRepo", "glusterfs", "iscsi", "photonPersistentDisk", "portworxVolume",
        "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume"}) {
    kinds.push_back({name, kWritable, "", {}});
  }
  return kinds;
}

}  // namespace

std::span<const VolumeKind> volume_kinds() {
  static const std::vector<VolumeKind> kinds = all_volume_kinds();
  return kinds;
}

const VolumeKind* find_volume_kind(std::string_view name) {
  const auto kinds = volume_kinds();
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [&](const VolumeKind& k) { return k.name == name; });
  return found == kinds.end() ? nullptr : &*found;
}

}  // namespace parallelrun
