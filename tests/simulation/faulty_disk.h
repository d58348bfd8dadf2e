// A file system in memory that forgets what was not synced, tears what was half written, runs full and fails
// to sync: Storage as a crash leaves it. Its processes each see it through a ProcessDisk.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runner/output/storage.h"
#include "tests/simulation/virtual_time.h"

namespace parallelrun::simulation {

// Thrown out of the step in which the orchestrator is killed or the power fails.
struct Killed {};

class FaultyDisk final {
 public:
  struct Faults {
    double sync_fails = 0;         // per sync of a file
    double folder_sync_fails = 0;  // per sync of a folder
    // Per sync of the output or of failed_items.jsonl: it is confirmed and not done. One that lies of the
    // journal is beyond help: the numbers of epochs and attempts come twice then.
    double lies = 0;
    std::uint64_t capacity = ~0ULL;  // bytes of all files together
  };
  explicit FaultyDisk(Dice& dice) : dice_(dice) {}

  Faults faults;
  // The step after `steps` more of them throws Killed; half done if it is a write. Negative: none does.
  void kill_after(std::int64_t steps) { steps_left_ = steps; }
  // Before the step after `steps` more of them the process is paused, and `meanwhile` is what happens until
  // it goes on. Nothing does if the process does not come that far.
  void pause_after(std::int64_t steps, std::function<void()> meanwhile) {
    pause_left_ = steps;
    meanwhile_ = std::move(meanwhile);
  }
  // From now on the directory belongs to the process of that number.
  void take_over(std::uint64_t process) { owner_ = process; }
  // What survives is decided for each file and folder by itself.
  void lose_power();
  // One bit of a durable file, before the byte `past`, is another from now on. False: there is no byte.
  bool rot(const std::string& path, std::uint64_t past = ~0ULL);

  // What a reader sees now; empty where there is no such file.
  std::string content(const std::string& path) const;
  bool has(const std::string& path) const { return names_.count(path) > 0; }
  std::uint64_t used() const;

  Result<std::unique_ptr<File>> open(const std::string& path);
  Status rename(const std::string& from, const std::string& to);
  Status remove(const std::string& path);
  Status sync_folder_of(const std::string& path);
  std::vector<std::string> list(const std::string& folder) const;
  Status copy(const std::string& from, std::uint64_t length, const std::string& to);
  Status still_ours(std::uint64_t process);

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
  static bool holds_data(const std::string& path);
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  struct NameChange {
    std::string folder;
    std::string name;
    std::shared_ptr<Inode> inode;  // null: removed
    std::string renamed_from;      // goes with it, atomically
  };

  static void apply(const Write& write, std::string& content);
  // What a power loss or a failed sync makes of what was not durable: a beginning of it, or any part.
  void keep_some(Inode& inode, bool tear);
  Write torn(const Write& write, const std::string& durable);
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
  std::int64_t pause_left_ = -1;
  std::function<void()> meanwhile_;
  std::uint64_t owner_ = 0;
  Names names_;
  Names durable_names_;
  std::vector<NameChange> pending_names_;
};

// The disk as one process sees it.
class ProcessDisk final : public Storage {
 public:
  ProcessDisk(FaultyDisk& disk, std::uint64_t process) : disk_(disk), process_(process) {}

  Result<std::unique_ptr<File>> open(const std::string& path) override { return disk_.open(path); }
  Result<bool> exists(const std::string& path) override { return disk_.has(path); }
  Status rename(const std::string& from, const std::string& to) override { return disk_.rename(from, to); }
  Status remove(const std::string& path) override { return disk_.remove(path); }
  Status remove_tree(const std::string& path) override { return disk_.remove(path); }
  Status sync_folder_of(const std::string& path) override { return disk_.sync_folder_of(path); }
  Result<std::vector<std::string>> list(const std::string& folder) override { return disk_.list(folder); }
  Status copy(const std::string& from, std::uint64_t length, const std::string& to) override {
    return disk_.copy(from, length, to);
  }
  std::string aside(const std::string& path) const override {
    return ".parallelrun/" + path.substr(path.rfind('/') + 1) + std::string(kAsideMark) +
           std::to_string(process_);
  }
  Status still_ours() override { return disk_.still_ours(process_); }

 private:
  FaultyDisk& disk_;
  const std::uint64_t process_;
};

}  // namespace parallelrun::simulation
