#include "tests/simulation/planning.h"

#include <utility>

#include "runner/orchestrator/plan_in_storage.h"
#include "runner/plan/plan_file.h"

namespace parallelrun::simulation {
namespace {

class PlanInMemory final : public PlanStorage {
 public:
  explicit PlanInMemory(std::string bytes) : bytes_(std::move(bytes)) {}
  Status append(std::string_view) override { return {}; }
  Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
    return offset >= bytes_.size() ? std::size_t{0} : bytes_.copy(into, size, offset);
  }
  Status truncate(std::uint64_t) override { return {}; }
  Status refresh(std::uint64_t, std::uint64_t) override { return {}; }
  Status sync() override { return {}; }
  Result<std::uint64_t> size() override { return std::uint64_t{bytes_.size()}; }

 private:
  std::string bytes_;
};

}  // namespace

Planned Inputs::at(std::uint64_t mini_batch) const {
  // Any mixture will do.
  const std::uint64_t mixed = (mini_batch * 7 + version * 13 + 3) * 0x9E3779B97F4A7C15ULL;
  return {version, 1 + (mixed >> 32U) % 6, mini_batch * 2 < total ? 0U : 1U};
}

std::vector<Planned> planned_on(const FaultyDisk& disk) {
  PlanInMemory storage(disk.content(orchestrator::kPlanPath));
  PlanReader reader(storage);
  std::vector<Planned> planned;
  while (true) {
    auto found = reader.next({storage.size().value(), 0, 0, false});
    if (!found || !*found) return planned;
    planned.push_back({std::stoull((*found)->descriptor), (*found)->items, (*found)->input});
  }
}

Result<std::unique_ptr<ProcessPlan>> ProcessPlan::open(ProcessDisk& disk, bool fresh_file,
                                                       const Inputs& inputs) {
  if (fresh_file) {
    if (auto done = orchestrator::StoredPlan::pass_by(disk); !done) return done.error();
  }
  auto written = disk.open(orchestrator::kPlanPath);
  if (!written) return written.error();
  auto read = disk.open(orchestrator::kPlanPath);
  if (!read) return read.error();
  if (auto ours = disk.still_ours(); !ours) return ours.error();
  auto plan =
      orchestrator::StoredPlan::open(std::make_unique<orchestrator::PlanInStorage>(std::move(*written)),
                                     std::make_unique<orchestrator::PlanInStorage>(std::move(*read)));
  if (!plan) return plan.error();
  return std::unique_ptr<ProcessPlan>(new ProcessPlan(std::move(*plan), inputs));
}

orchestrator::PartCutter::Cut ProcessPlan::cut_now(const Request& request) {
  std::vector<MiniBatch> parts;
  for (const ItemRange& range : request.ranges)
    parts.push_back({request.of.id, request.of.input, range.size(), request.of.descriptor});
  return std::optional(std::move(parts));
}

Status ProcessPlan::plan(std::uint64_t count) {
  PlanWriter& writer = plan_->writer();
  if (extent_.complete) return {};
  for (; count > 0 && writer.appended().mini_batches < inputs_.total; --count) {
    const std::uint64_t id = writer.appended().mini_batches;
    const Planned planned = inputs_.at(id);
    auto done =
        writer.append({MiniBatchId{id}, planned.input, planned.items, std::to_string(planned.version)});
    if (!done) return done;
  }
  const bool all = writer.appended().mini_batches == inputs_.total;
  if (auto done = all ? writer.finish() : writer.flush(); !done) return done;
  extent_ = writer.flushed();
  return {};
}

}  // namespace parallelrun::simulation
