#include "runner/agent/gpus.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>

namespace parallelrun::agent {
namespace {

constexpr const char* kCuda = "CUDA_VISIBLE_DEVICES";
constexpr const char* kNvidia = "NVIDIA_VISIBLE_DEVICES";
constexpr const char* kRocr = "ROCR_VISIBLE_DEVICES";
constexpr const char* kHip = "HIP_VISIBLE_DEVICES";

using Variables = std::map<std::string, std::string>;

struct Gpus {
  std::string variable;  // that tells a process which are its own
  std::vector<std::string> names;
  std::string source;
};

std::optional<std::uint32_t> device_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The names up to a negative one, which ends the list for CUDA and HIP.
std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view name = trimmed(list.substr(0, comma));
    if (name.starts_with('-')) break;
    if (!name.empty()) names.emplace_back(name);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return names;
}

const std::string* found(const Variables& variables, const char* name) {
  const auto entry = variables.find(name);
  return entry == variables.end() ? nullptr : &entry->second;
}

// A container sees its devices as 0, 1, ..., whatever numbers their files have.
std::vector<std::string> ordinals(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

// NVIDIA_VISIBLE_DEVICES speaks of the machine's GPUs, CUDA_VISIBLE_DEVICES of those in the container.
std::string in_container(const std::string& name, const std::vector<std::uint32_t>& files) {
  const auto index = device_number(name);
  if (!index) return name;
  const auto file = std::find(files.begin(), files.end(), *index);
  return file == files.end() ? name : std::to_string(file - files.begin());
}

Gpus nvidia_files(const GpuDevices& devices) {
  return {kCuda, ordinals(devices.nvidia.size()), "/dev/nvidia*"};
}

Gpus nvidia_gpus(const Variables& variables, const GpuDevices& devices) {
  if (const std::string* list = found(variables, kCuda)) return {kCuda, names_in(*list), kCuda};
  const std::string* list = found(variables, kNvidia);
  if (list == nullptr) return nvidia_files(devices);
  std::vector<std::string> names = names_in(*list);
  for (std::string& name : names) name.erase(0, name.rfind('=') + 1);  // nvidia.com/gpu=0, as CDI names it
  if (names.size() == 1 && names.front() == "none") return {};
  // "void" and nothing: the container's devices were put there in another way. A path: they are mounted.
  const bool elsewhere =
      names.empty() || names.front() == "void" || names.front() == "all" || names.front().starts_with('/');
  if (elsewhere) return nvidia_files(devices);
  // "0:1" is a part of a GPU by its number, for which CUDA has no name.
  const bool parts = std::any_of(names.begin(), names.end(),
                                 [](const std::string& name) { return name.find(':') != std::string::npos; });
  if (parts) return {};
  for (std::string& name : names) name = in_container(name, devices.nvidia);
  return {kCuda, std::move(names), kNvidia};
}

Gpus amd_gpus(const Variables& variables, const GpuDevices& devices) {
  if (const std::string* list = found(variables, kRocr)) return {kRocr, names_in(*list), kRocr};
  if (const std::string* list = found(variables, kHip)) return {kHip, names_in(*list), kHip};
  // HIP takes CUDA's variable for its own.
  if (found(variables, kCuda) != nullptr) return {};
  return {kRocr, ordinals(devices.amd.size()), "/dev/dri"};
}

void deal(const Gpus& gpus, ProcessPlace place, std::vector<GpuDeal>& out) {
  const std::size_t count = gpus.names.size();
  if (count < 2 || place.total == 0) return;
  std::size_t first = place.index % count;
  std::size_t end = first + 1;
  std::size_t sharers = place.total / count + (first < place.total % count ? 1 : 0);
  if (place.total < count) {
    first = place.index * count / place.total;
    end = (place.index + 1) * count / place.total;
    sharers = 1;
  }
  const std::vector<std::string> mine(gpus.names.begin() + static_cast<std::ptrdiff_t>(first),
                                      gpus.names.begin() + static_cast<std::ptrdiff_t>(end));
  GpuDeal dealt;
  dealt.variable = gpus.variable;
  dealt.value = fmt::format("{}", fmt::join(mine, ","));
  dealt.words = fmt::format(
      "{}={}: {} of the {} GPUs of {}, {}", dealt.variable, dealt.value, mine.size(), count, gpus.source,
      sharers == 1 ? std::string("only for this process") : fmt::format("shared by {} processes", sharers));
  out.push_back(std::move(dealt));
}

// The numbers of the files in a folder that are called `prefix` and a number.
std::vector<std::uint32_t> numbered_files(const std::string& folder, std::string_view prefix) {
  std::vector<std::uint32_t> numbers;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    if (const auto index = device_number(std::string_view(name).substr(prefix.size())))
      numbers.push_back(*index);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

GpuDevices find_gpu_devices(const std::string& dev) {
  GpuDevices devices;
  devices.nvidia = numbered_files(dev, "nvidia");
  std::error_code error;
  // /dev/dri alone may be any graphics card.
  if (std::filesystem::exists(dev + "/kfd", error)) devices.amd = numbered_files(dev + "/dri", "renderD");
  return devices;
}

std::vector<GpuDeal> deal_gpus(const Variables& variables, const GpuDevices& devices, ProcessPlace place) {
  std::vector<GpuDeal> out;
  deal(nvidia_gpus(variables, devices), place, out);
  deal(amd_gpus(variables, devices), place, out);
  return out;
}

}  // namespace parallelrun::agent
