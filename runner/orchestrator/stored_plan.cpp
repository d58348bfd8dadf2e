#include "runner/orchestrator/stored_plan.h"

#include "common/result/try.h"
#include "runner/output/begin_anew.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {

// What a predecessor appends while it is copied may be torn: the reader cuts that off.
Status StoredPlan::pass_by(Storage& storage) {
  auto exists = storage.exists(kPlanPath);
  if (!exists) return exists.error();
  if (!*exists) return {};
  auto file = storage.open(kPlanPath);
  if (!file) return file.error();
  auto size = file.value()->size();
  if (!size) return size.error();
  return make_fresh(storage, kPlanPath, *size);
}

Result<std::unique_ptr<StoredPlan>> StoredPlan::open(std::unique_ptr<PlanStorage> written,
                                                     std::unique_ptr<PlanStorage> read) {
  std::unique_ptr<StoredPlan> plan(new StoredPlan(std::move(written), std::move(read)));
  auto writer = PlanWriter::open(*plan->written_);
  if (!writer) {
    Error error = writer.error();
    if (error.code == ErrorCode::kCorrupt)
      error.message += fmt::format("; restore {}, or {}", kPlanPath, kBeginAnew);
    return error;
  }
  plan->writer_ = std::move(*writer);
  plan->found_ = plan->writer_->flushed();
  return plan;
}

Status StoredPlan::settle(std::uint64_t mini_batches) {
  RETURN_IF_ERROR(writer_->settle(mini_batches));
  durable_ = found_.mini_batches;
  return {};
}

Status StoredPlan::make_durable(std::uint64_t mini_batches, const PlanExtent& extent) {
  if (mini_batches <= durable_) return {};
  if (extent.mini_batches < mini_batches) {
    return Error{ErrorCode::kCorrupt, "a mini-batch is to be committed that is not in the plan", false};
  }
  RETURN_IF_ERROR(read_->sync());
  durable_ = extent.mini_batches;
  return {};
}

}  // namespace parallelrun::orchestrator
