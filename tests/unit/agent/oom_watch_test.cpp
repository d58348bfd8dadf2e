#include "runner/agent/oom_watch.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace parallelrun::agent {
namespace {

using Number = std::optional<std::uint64_t>;

// A machine's files below a folder of its own.
class Machine {
 public:
  explicit Machine(const std::map<std::string, std::string>& files)
      : root_(testing::TempDir() + "/machine-of-oom") {
    std::filesystem::remove_all(root_);
    for (const auto& [path, text] : files) {
      std::filesystem::create_directories((root_ / path).parent_path());
      std::ofstream(root_ / path) << text;
    }
  }
  ~Machine() { std::filesystem::remove_all(root_); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  std::string root() const { return root_.string(); }

 private:
  std::filesystem::path root_;
};

const std::string kEvents = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n";

TEST(MemoryFigures, AreThoseOfTheCgroupOfEitherVersion) {
  struct Case {
    std::string name;
    std::map<std::string, std::string> files;
    Number kills, peak, limit;
  };
  const std::vector<Case> cases = {
      {"v2, in a container: the root is its group",
       {{"proc/self/cgroup", "0::/\n"},
        {"sys/fs/cgroup/memory.events", kEvents},
        {"sys/fs/cgroup/memory.max", "2147483648\n"},
        {"sys/fs/cgroup/memory.peak", "2147479552\n"}},
       2,
       2147479552u,
       2147483648u},
      {"v2, a container without a namespace of cgroups: its folder is not there",
       {{"proc/self/cgroup", "0::/kubepods/pod1/c1\n"},
        {"sys/fs/cgroup/memory.events", kEvents},
        {"sys/fs/cgroup/memory.max", "1024\n"}},
       2,
       std::nullopt,
       1024u},
      {"v2, a session of a machine: the limit is that of a group above",
       {{"proc/self/cgroup", "0::/user.slice/a.scope\n"},
        {"sys/fs/cgroup/user.slice/a.scope/memory.events", kEvents},
        {"sys/fs/cgroup/user.slice/a.scope/memory.max", "max\n"},
        {"sys/fs/cgroup/user.slice/memory.max", "4096\n"},
        {"sys/fs/cgroup/user.slice/memory.events", "oom_kill 77\n"},
        {"sys/fs/cgroup/user.slice/memory.peak", "4000\n"}},
       2,
       4000u,
       4096u},
      {"v2, no limit",
       {{"proc/self/cgroup", "0::/\n"},
        {"sys/fs/cgroup/memory.events", kEvents},
        {"sys/fs/cgroup/memory.max", "max\n"},
        {"sys/fs/cgroup/memory.peak", "5\n"}},
       2,
       std::nullopt,
       std::nullopt},
      {"v1",
       {{"proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/x/y\n0::/\n"},
        {"sys/fs/cgroup/memory/x/y/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"},
        {"sys/fs/cgroup/memory/x/y/memory.limit_in_bytes", "9223372036854771712\n"},
        {"sys/fs/cgroup/memory/x/memory.limit_in_bytes", "8192\n"},
        {"sys/fs/cgroup/memory/x/memory.max_usage_in_bytes", "8190\n"}},
       5,
       8190u,
       8192u},
      {"none: what the machine counts",
       {{"proc/vmstat", "nr_free 1\noom_kill 9\n"}},
       9,
       std::nullopt,
       std::nullopt},
      {"nothing at all", {}, std::nullopt, std::nullopt, std::nullopt},
      {"rubbish",
       {{"proc/self/cgroup", "::\nx\n0:"},
        {"sys/fs/cgroup/memory.events", "oom_kill many"},
        {"sys/fs/cgroup/memory.max", ""}},
       std::nullopt,
       std::nullopt,
       std::nullopt},
  };
  for (const Case& c : cases) {
    const Machine machine(c.files);
    const MemoryFigures figures = read_memory_figures(machine.root());
    EXPECT_EQ(figures.kills, c.kills) << c.name;
    EXPECT_EQ(figures.peak, c.peak) << c.name;
    EXPECT_EQ(figures.limit, c.limit) << c.name;
  }
}

TEST(MemoryFigures, AreSaidWithPeakAndLimit) {
  constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;
  const std::string way_out = "; to use less memory, lower miniBatchSize or processCountPerNode";
  EXPECT_EQ(killed_for_memory({3, 2 * kGiB - 4096, 2 * kGiB}, kGiB + kGiB / 2),
            "killed for memory: the process used 1.5 GiB at its peak, all processes of this node together "
            "used 2.0 GiB, "
            "and their limit is 2.0 GiB" +
                way_out);
  EXPECT_EQ(killed_for_memory({3, std::nullopt, kGiB / 4}, 0),
            "killed for memory: the limit of this node's processes is 256 MiB" + way_out);
  EXPECT_EQ(killed_for_memory({3, std::nullopt, std::nullopt}, kGiB / 4),
            "killed for memory: the process used 256 MiB at its peak" + way_out);
  EXPECT_EQ(killed_for_memory({}, 0), "killed for memory" + way_out);
}

}  // namespace
}  // namespace parallelrun::agent
