// PlanStorage in a file of the operating system.
#pragma once

#include <memory>
#include <string>

#include "common/posix/file_descriptor.h"
#include "runner/plan/plan_storage.h"

namespace parallelrun {

// The file is created where it is missing; its directory must exist. Creating it does not make its name
// durable: the owner of the directory syncs that.
class PosixPlanStorage final : public PlanStorage {
 public:
  // Errors: kNotFound, kNoSpace, kIo; each names the path.
  static Result<std::unique_ptr<PosixPlanStorage>> open(const std::string& path);
  // The plan of somebody else: what would change it gives kIo. Errors: kNotFound, kIo.
  static Result<std::unique_ptr<PosixPlanStorage>> open_to_read(const std::string& path);

  Status append(std::string_view bytes) override;
  Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override;
  Status truncate(std::uint64_t size) override;
  Status refresh(std::uint64_t offset, std::uint64_t size) override;
  Status sync() override;
  Result<std::uint64_t> size() override;

 private:
  static Result<std::unique_ptr<PosixPlanStorage>> open(const std::string& path, int flags);
  PosixPlanStorage(std::string path, FileDescriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  Status write_at(std::uint64_t offset, std::string_view bytes);
  Error failure(const char* action, int error) const;

  std::string path_;
  FileDescriptor fd_;
  std::uint64_t end_ = 0;  // not O_APPEND, with which Linux would write what refresh() writes to the end
};

}  // namespace parallelrun
