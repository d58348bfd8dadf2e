#include "runner/orchestrator/server/old_plan.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "common/result/try.h"
#include "runner/plan/posix_plan_storage.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {

OldPlan::~OldPlan() {
  plan_.reset();
  std::error_code ignored;
  std::filesystem::remove(copy(), ignored);
}

Status OldPlan::open() {
  const std::string path = from_ + "/" + kPlanPath;
  std::error_code error;
  std::filesystem::copy_file(path, copy(), std::filesystem::copy_options::overwrite_existing, error);
  if (error) {
    const bool full = error == std::errc::no_space_on_device;
    const bool gone = error == std::errc::no_such_file_or_directory;
    return Error{full   ? ErrorCode::kNoSpace
                 : gone ? ErrorCode::kNotFound
                        : ErrorCode::kIo,
                 fmt::format("'{}' cannot be copied: {}", path, error.message())};
  }
  ASSIGN_OR_RETURN(std::unique_ptr<PosixPlanStorage> written, PosixPlanStorage::open(copy()));
  ASSIGN_OR_RETURN(std::unique_ptr<PosixPlanStorage> read, PosixPlanStorage::open(copy()));
  ASSIGN_OR_RETURN(plan_, StoredPlan::open(std::move(written), std::move(read)));
  return {};
}

}  // namespace parallelrun::orchestrator
