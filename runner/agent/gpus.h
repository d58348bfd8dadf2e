// Which GPUs each worker process gets: those that are visible are dealt out over all processes of the
// machine.
//
// NVIDIA: those that CUDA_VISIBLE_DEVICES names, else NVIDIA_VISIBLE_DEVICES, else /dev/nvidia*. AMD: those
// of ROCR_VISIBLE_DEVICES, else HIP_VISIBLE_DEVICES, else /dev/dri where there is /dev/kfd. Names are taken
// as they are (UUIDs, MIG names). A single GPU is everybody's, and nothing is set then.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace parallelrun::agent {

// The device files of the machine or container, in the order of their numbers.
struct GpuDevices {
  std::vector<std::uint32_t> nvidia;  // 0, 1: of /dev/nvidia0, /dev/nvidia1
  std::vector<std::uint32_t> amd;     // 128, 129: of /dev/dri/renderD128, ...; none without /dev/kfd
};
// What cannot be read holds no device.
GpuDevices find_gpu_devices(const std::string& dev = "/dev");

// Which of the machine's processes it is that is to start, those of all agents counted.
struct ProcessPlace {
  std::uint32_t index = 0;
  std::uint32_t total = 1;
};

struct GpuDeal {
  std::string variable;  // to be set for the process: CUDA_VISIBLE_DEVICES
  std::string value;     // "2,3"
  std::string words;     // "GPUs 2,3 of the 4 in NVIDIA_VISIBLE_DEVICES, shared with no other process"
};

// Pure. Fewer processes than GPUs get several each, neighbours together; more processes share them in turn.
// Empty where there is nothing to deal out.
std::vector<GpuDeal> deal_gpus(const std::map<std::string, std::string>& variables, const GpuDevices& devices,
                               ProcessPlace place);

}  // namespace parallelrun::agent
