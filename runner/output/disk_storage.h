// Storage on a real directory.
#pragma once

#include <filesystem>

#include "runner/output/storage.h"

namespace parallelrun {

inline constexpr const char* kLockPath = ".parallelrun/lock";

// May be used from several threads; a File from one at a time.
class DiskStorage final : public Storage {
 public:
  // `directory` is absolute and exists. `lock` is the open lock file, as long as whose name is kLockPath the
  // directory is ours; it must outlive this. Negative: the directory is nobody else's.
  explicit DiskStorage(std::filesystem::path directory, int lock = -1);

  Result<std::unique_ptr<File>> open(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status remove_tree(const std::string& path) override;
  Status sync_folder_of(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& folder) override;
  Status copy(const std::string& from, std::uint64_t length, const std::string& to) override;
  std::string aside(const std::string& path) const override;
  Status still_ours() override;

 private:
  Error removed() const;

  std::filesystem::path directory_;
  int lock_;
  std::string token_;  // of this object alone
};

}  // namespace parallelrun
