// Storage on a real directory.
#pragma once

#include <filesystem>

#include "runner/orchestrator/storage.h"

namespace parallelrun::orchestrator {

// Holds no descriptor of its own. May be used from several threads; a File from one at a time.
class DiskStorage final : public Storage {
 public:
  // `directory` is absolute and exists.
  explicit DiskStorage(std::filesystem::path directory) : directory_(std::move(directory)) {}

  Result<std::unique_ptr<File>> open(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_folder_of(const std::string& path) override;

 private:
  std::filesystem::path directory_;
};

}  // namespace parallelrun::orchestrator
