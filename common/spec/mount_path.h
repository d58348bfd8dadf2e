// Which folders of a container a job may mount something at. Pure.
#pragma once

#include <string>
#include <string_view>

namespace parallelrun {

struct MountPath {
  std::string path;     // as mount points are compared: no doubled, closing or '.' parts
  std::string problem;  // why it cannot be one, to be put after the path in quotes; empty: it can
};

// Paths are normalised, then must lie neither in a folder of the runner or the system (see docs/reference.md)
// nor above one. Links inside the image are not followed: nobody knows them before the container starts.
MountPath mount_path(std::string_view text);

// /dev/shm, which a pod template may name, though it lies in a folder of the system: an emptyDir there is how
// pods get more shared memory.
bool is_shared_memory(std::string_view text);

}  // namespace parallelrun
