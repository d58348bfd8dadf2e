// A file system in memory that forgets what was not synced, tears what was half written, runs full and fails
// to sync: Storage as a crash leaves it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runner/orchestrator/storage.h"
#include "tests/simulation/virtual_time.h"

namespace parallelrun::simulation {

// Thrown out of the step in which the orchestrator is killed or the power fails.
struct Killed {};

class FaultyDisk final : public orchestrator::Storage {
 public:
  struct Faults {
    double sync_fails = 0;           // per sync
    std::uint64_t capacity = ~0ULL;  // bytes of all files together
  };
  explicit FaultyDisk(Dice& dice) : dice_(dice) {}

  Faults faults;
  // The step after `steps` more of them throws Killed; half done if it is a write. Negative: none does.
  void kill_after(std::int64_t steps) { steps_left_ = steps; }
  // What survives is decided for each file and folder by itself.
  void lose_power();

  // What a reader sees now; empty where there is no such file.
  std::string content(const std::string& path) const;
  bool has(const std::string& path) const { return names_.count(path) > 0; }
  std::uint64_t used() const;

  Result<std::unique_ptr<orchestrator::File>> open(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_folder_of(const std::string& path) override;

 private:
  struct Write {
    std::uint64_t offset = 0;
    std::string bytes;
    bool cuts = false;  // to `offset`, in place of writing
  };
  struct Inode {
    std::string seen;     // by readers
    std::string durable;  // after `pending` is lost
    std::vector<Write> pending;
  };
  class OpenFile;
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  struct NameChange {
    std::string folder;
    std::string name;
    std::shared_ptr<Inode> inode;  // null: removed
    std::string renamed_from;      // goes with it, atomically
  };

  static void apply(const Write& write, std::string& content);
  static std::string folder_of(const std::string& path);
  static void apply(const NameChange& change, Names& names);
  void change_name(const std::string& path, std::shared_ptr<Inode> inode, std::string renamed_from = {});
  // True: this is the step in which the process dies.
  bool dies_now();
  void step() {
    if (dies_now()) throw Killed{};
  }

  Dice& dice_;
  std::int64_t steps_left_ = -1;
  Names names_;
  Names durable_names_;
  std::vector<NameChange> pending_names_;
};

}  // namespace parallelrun::simulation
