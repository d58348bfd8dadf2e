#include "runner/agent/gpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace parallelrun::agent {
namespace {

using Variables = std::map<std::string, std::string>;

// What each process gets: "CUDA_VISIBLE_DEVICES=0", or "" where nothing is set.
std::vector<std::string> dealt(const Variables& variables, const GpuDevices& devices,
                               std::uint32_t processes) {
  std::vector<std::string> out;
  for (std::uint32_t index = 0; index < processes; ++index) {
    std::string all;
    for (const GpuDeal& deal : deal_gpus(variables, devices, {index, processes})) {
      all += (all.empty() ? "" : " ") + deal.variable + "=" + deal.value;
      EXPECT_EQ(deal.words.find(deal.variable + "=" + deal.value + ": "), 0u) << deal.words;
    }
    out.push_back(all);
  }
  return out;
}

std::vector<std::string> cuda(const std::vector<std::string>& values) {
  std::vector<std::string> out;
  for (const std::string& value : values) out.push_back("CUDA_VISIBLE_DEVICES=" + value);
  return out;
}

TEST(Gpus, AreDealtOutOverAllProcesses) {
  struct Case {
    Variables variables;
    GpuDevices devices;
    std::uint32_t processes;
    std::vector<std::string> expected;
  };
  const std::string cuda_name = "CUDA_VISIBLE_DEVICES";
  const std::string nvidia_name = "NVIDIA_VISIBLE_DEVICES";
  const std::vector<Case> cases = {
      // as many as GPUs, fewer, more
      {{{cuda_name, "0,1,2,3"}}, {}, 4, cuda({"0", "1", "2", "3"})},
      {{{cuda_name, "4,7"}}, {}, 2, cuda({"4", "7"})},
      {{{cuda_name, "0,1,2,3"}}, {}, 2, cuda({"0,1", "2,3"})},
      {{{cuda_name, "0,1,2,3,4"}}, {}, 2, cuda({"0,1", "2,3,4"})},
      {{{cuda_name, "0,1,2,3"}}, {}, 1, cuda({"0,1,2,3"})},
      {{{cuda_name, "0,1"}}, {}, 5, cuda({"0", "1", "0", "1", "0"})},
      // one, none: nothing is set
      {{{cuda_name, "3"}}, {{0, 1}, {}}, 2, {"", ""}},
      {{{cuda_name, ""}}, {{0, 1}, {}}, 2, {"", ""}},
      {{{cuda_name, "-1"}}, {{0, 1}, {}}, 2, {"", ""}},
      {{}, {}, 2, {"", ""}},
      {{}, {{0}, {}}, 2, {"", ""}},
      // odd lists
      {{{cuda_name, " 0 , 1 ,,"}}, {}, 2, cuda({"0", "1"})},
      {{{cuda_name, "2,3,-1,4"}}, {}, 2, cuda({"2", "3"})},
      // names as they are
      {{{cuda_name, "GPU-8932f937,GPU-11"}}, {}, 2, cuda({"GPU-8932f937", "GPU-11"})},
      {{{cuda_name, "MIG-GPU-89/1/0,MIG-5"}}, {}, 2, cuda({"MIG-GPU-89/1/0", "MIG-5"})},
      {{{nvidia_name, "GPU-8932f937,MIG-11"}}, {{0, 1}, {}}, 2, cuda({"GPU-8932f937", "MIG-11"})},
      // CUDA's variable counts first
      {{{cuda_name, "5,6"}, {nvidia_name, "0,1,2"}}, {{0, 1, 2}, {}}, 2, cuda({"5", "6"})},
      {{{nvidia_name, "0,1"}}, {}, 2, cuda({"0", "1"})},
      // numbers of the machine, where the container sees those two alone, and where it sees all
      {{{nvidia_name, "2,3"}}, {{2, 3}, {}}, 2, cuda({"0", "1"})},
      {{{nvidia_name, "2,3"}}, {{0, 1, 2, 3}, {}}, 2, cuda({"2", "3"})},
      {{{nvidia_name, "nvidia.com/gpu=0,nvidia.com/gpu=1"}}, {}, 2, cuda({"0", "1"})},
      // words
      {{{nvidia_name, "all"}}, {{0, 1}, {}}, 2, cuda({"0", "1"})},
      {{{nvidia_name, "nvidia.com/gpu=all"}}, {{0, 1}, {}}, 2, cuda({"0", "1"})},
      {{{nvidia_name, "all"}}, {}, 2, {"", ""}},
      {{{nvidia_name, "void"}}, {{0, 1}, {}}, 2, cuda({"0", "1"})},
      {{{nvidia_name, ""}}, {{0, 1}, {}}, 2, cuda({"0", "1"})},
      {{{nvidia_name, "/var/run/nvidia-container-devices"}}, {{0, 1}, {}}, 2, cuda({"0", "1"})},
      {{{nvidia_name, "none"}}, {{0, 1}, {}}, 2, {"", ""}},
      {{{nvidia_name, "0:0,0:1"}}, {{0}, {}}, 2, {"", ""}},
      // device files: by their place, not by their number
      {{}, {{0, 1, 2}, {}}, 3, cuda({"0", "1", "2"})},
      {{}, {{4, 6}, {}}, 2, cuda({"0", "1"})},
      // AMD
      {{{"ROCR_VISIBLE_DEVICES", "0,GPU-ab"}},
       {},
       2,
       {"ROCR_VISIBLE_DEVICES=0", "ROCR_VISIBLE_DEVICES=GPU-ab"}},
      {{}, {{}, {128, 129}}, 2, {"ROCR_VISIBLE_DEVICES=0", "ROCR_VISIBLE_DEVICES=1"}},
      {{{"HIP_VISIBLE_DEVICES", "1,3"}},
       {{}, {128, 129}},
       2,
       {"HIP_VISIBLE_DEVICES=1", "HIP_VISIBLE_DEVICES=3"}},
      {{{cuda_name, "1,3"}}, {{}, {128, 129}}, 2, cuda({"1", "3"})},
      {{{"ROCR_VISIBLE_DEVICES", ""}}, {{}, {128, 129}}, 2, {"", ""}},
      // both
      {{},
       {{0, 1}, {128, 129}},
       2,
       {"CUDA_VISIBLE_DEVICES=0 ROCR_VISIBLE_DEVICES=0", "CUDA_VISIBLE_DEVICES=1 ROCR_VISIBLE_DEVICES=1"}},
  };
  for (const Case& c : cases) {
    std::string name;
    for (const auto& [variable, value] : c.variables) name += variable + "=" + value + " ";
    EXPECT_EQ(dealt(c.variables, c.devices, c.processes), c.expected) << name;
  }
}

TEST(Gpus, EveryOneIsUsedAndSharedEvenly) {
  for (std::uint32_t gpus = 2; gpus < 12; ++gpus) {
    GpuDevices devices;
    for (std::uint32_t gpu = 0; gpu < gpus; ++gpu) devices.nvidia.push_back(gpu);
    for (std::uint32_t processes = 1; processes < 30; ++processes) {
      std::map<std::string, std::uint32_t> users;
      for (std::uint32_t index = 0; index < processes; ++index) {
        std::string list = deal_gpus({}, devices, {index, processes}).at(0).value + ",";
        for (std::size_t comma = list.find(','); comma != std::string::npos; comma = list.find(',')) {
          ++users[list.substr(0, comma)];
          list.erase(0, comma + 1);
        }
      }
      ASSERT_EQ(users.size(), gpus);
      for (const auto& [gpu, count] : users) {
        EXPECT_GE(count, std::max(1u, processes / gpus)) << gpu;
        EXPECT_LE(count, (processes + gpus - 1) / gpus) << gpu;
      }
    }
  }
}

TEST(Gpus, SayWhoSharesThem) {
  const Variables variables{{"NVIDIA_VISIBLE_DEVICES", "0,1"}};
  EXPECT_EQ(deal_gpus(variables, {}, {1, 2}).at(0).words,
            "CUDA_VISIBLE_DEVICES=1: 1 of the 2 GPUs of NVIDIA_VISIBLE_DEVICES, only for this process");
  EXPECT_EQ(deal_gpus(variables, {}, {2, 3}).at(0).words,
            "CUDA_VISIBLE_DEVICES=0: 1 of the 2 GPUs of NVIDIA_VISIBLE_DEVICES, shared by 2 processes");
}

TEST(Gpus, AreFoundByTheirDeviceFiles) {
  const std::filesystem::path dev = testing::TempDir() + "/dev-of-gpus";
  std::filesystem::create_directories(dev / "dri");
  for (const char* name : {"nvidia10", "nvidia2", "nvidia-uvm", "nvidiactl", "nvidia", "nvme0"}) {
    std::ofstream(dev / name).put('x');
  }
  for (const char* name : {"renderD129", "renderD128", "card0"}) std::ofstream(dev / "dri" / name).put('x');
  EXPECT_THAT(find_gpu_devices(dev.string()).nvidia, testing::ElementsAre(2u, 10u));
  EXPECT_TRUE(find_gpu_devices(dev.string()).amd.empty()) << "graphics cards of any make";
  std::ofstream(dev / "kfd").put('x');
  EXPECT_THAT(find_gpu_devices(dev.string()).amd, testing::ElementsAre(128u, 129u));
  std::filesystem::remove_all(dev);
  EXPECT_TRUE(find_gpu_devices(dev.string()).nvidia.empty());
}

}  // namespace
}  // namespace parallelrun::agent
