// The plan of a job on disk, between those who share it: one appends to it, one reads it back, one makes it
// durable. Each may do so on a thread of its own; what the reader and the one who makes durable may know of
// the writer is a PlanExtent, which the caller carries from thread to thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "common/result/result.h"
#include "runner/output/storage.h"
#include "runner/plan/plan_file.h"
#include "runner/plan/plan_storage.h"

namespace parallelrun::orchestrator {

inline constexpr const char* kPlanPath = ".parallelrun/plan";

class StoredPlan {
 public:
  // Replaces the plan by a copy, since a predecessor may still be appending to it. Errors: kAborted (a
  // successor is at work), kNoSpace, kIo.
  static Status pass_by(Storage& storage);

  // Reads all of it. `written` and `read` are the same file, opened twice. Errors: as PlanWriter::open(),
  // with the way out.
  static Result<std::unique_ptr<StoredPlan>> open(std::unique_ptr<PlanStorage> written,
                                                  std::unique_ptr<PlanStorage> read);

  // What open() found.
  const PlanExtent& found() const { return found_; }
  // As PlanDurability::settle(); before the writer is used.
  Status settle(std::uint64_t mini_batches);

  PlanWriter& writer() { return *writer_; }
  // The next mini-batch before the end of `extent`, or nothing. Errors: kCorrupt, kIo.
  Result<std::optional<MiniBatch>> next(const PlanExtent& extent) { return reader_.next(extent); }
  // `extent`: flushed by the writer. Errors: kCorrupt (not that many are in it), kNoSpace, kIo; after one the
  // process must end.
  Status make_durable(std::uint64_t mini_batches, const PlanExtent& extent);

 private:
  StoredPlan(std::unique_ptr<PlanStorage> written, std::unique_ptr<PlanStorage> read)
      : written_(std::move(written)), read_(std::move(read)), reader_(*read_) {}

  std::unique_ptr<PlanStorage> written_;  // the writer's
  std::unique_ptr<PlanStorage> read_;     // the reader's; synced by make_durable()
  std::unique_ptr<PlanWriter> writer_;
  PlanReader reader_;
  PlanExtent found_;
  std::uint64_t durable_ = 0;  // mini-batches
};

}  // namespace parallelrun::orchestrator
