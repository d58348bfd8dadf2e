// The plan of a job as a file of the storage that holds its output.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "common/result/result.h"
#include "runner/output/storage.h"
#include "runner/plan/plan_storage.h"

namespace parallelrun::orchestrator {

// Every call is one of the file.
class PlanInStorage final : public PlanStorage {
 public:
  explicit PlanInStorage(std::unique_ptr<File> file) : file_(std::move(file)) {}

  Status append(std::string_view bytes) override { return file_->append(bytes); }
  Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
    return file_->read(offset, into, size);
  }
  Status truncate(std::uint64_t size) override { return file_->truncate(size); }
  Status refresh(std::uint64_t offset, std::uint64_t size) override { return file_->refresh(offset, size); }
  Status sync() override { return file_->sync(); }
  Result<std::uint64_t> size() override { return file_->size(); }

 private:
  std::unique_ptr<File> file_;
};

}  // namespace parallelrun::orchestrator
