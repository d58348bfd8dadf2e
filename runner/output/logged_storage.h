// The files of a job whose output lies in a store.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runner/output/commit_log.h"
#include "runner/output/log_store.h"
#include "runner/output/storage.h"

namespace parallelrun {

// The storage of a job whose output lies in a store: all that is done to `local` goes into the log. Its files
// need no sync of their own.
class LoggedStorage final : public Storage {
 public:
  // `store`: for what was put there for people, and is removed; used by the thread that removes. All must
  // outlive this.
  LoggedStorage(Storage& local, CommitLog& log, LogStore& store) : local_(local), log_(log), store_(store) {}

  Result<std::unique_ptr<File>> open(const std::string& path) override;
  Result<bool> exists(const std::string& path) override { return local_.exists(path); }
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status remove_tree(const std::string& path) override;
  Status sync_folder_of(const std::string&) override { return log_.ship(); }
  Result<std::vector<std::string>> list(const std::string& folder) override { return local_.list(folder); }
  Status copy(const std::string& from, std::uint64_t length, const std::string& to) override;
  std::string aside(const std::string& path) const override { return local_.aside(path); }
  Status still_ours() override;
  Status fence() override;

 private:
  class LoggedFile;
  // The path of an open file; empty once it has none.
  using Path = std::shared_ptr<std::string>;
  void moved(const std::string& from, const std::string& to);

  Storage& local_;
  CommitLog& log_;
  LogStore& store_;
  std::mutex naming_;
  std::vector<std::weak_ptr<std::string>> open_;
};

}  // namespace parallelrun
