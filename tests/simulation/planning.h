// Planning as the simulation has it: what the inputs hold is a model, the plan on disk is the real one. It
// appears over time; what of it is not durable is lost with the power and is then planned anew, perhaps from
// an input that has changed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/json/json.h"
#include "runner/orchestrator/plan_view.h"
#include "runner/orchestrator/stored_plan.h"
#include "runner/plan/plan_durability.h"
#include "tests/simulation/faulty_disk.h"

namespace parallelrun::simulation {

struct Planned {
  std::uint64_t version = 0;  // differs where the same number was cut differently
  std::uint64_t items = 0;
  std::uint32_t input = 0;
};

// What a planner finds. The same inputs are cut the same way.
struct Inputs {
  std::uint64_t total = 0;    // mini-batches
  std::uint64_t version = 0;  // of all that is cut from now on
  Planned at(std::uint64_t mini_batch) const;
};

// The mini-batches of the plan that lies on the disk, as a reader sees them now.
std::vector<Planned> planned_on(const FaultyDisk& disk);

// The planning of one process.
class ProcessPlan final : public orchestrator::MiniBatchSource,
                          public PlanDurability,
                          public orchestrator::PartCutter {
 public:
  // As the orchestrator's process opens it. `disk` and `inputs` must outlive it.
  static Result<std::unique_ptr<ProcessPlan>> open(ProcessDisk& disk, bool fresh_file, const Inputs& inputs);

  // Plans up to `count` more and tells the readers.
  Status plan(std::uint64_t count);
  const PlanExtent& found() const { return plan_->found(); }
  const PlanExtent& extent() const { return extent_; }

  Result<std::optional<MiniBatch>> next() override { return plan_->next(extent_); }
  Status skip_to(MiniBatchId) override { return {}; }
  nlohmann::ordered_json items_of(const MiniBatch&) const override { return {}; }
  // What is to be cut is taken from here; the answer comes when the world gives it.
  void cut(Request request) override { wanted_.push_back(std::move(request)); }
  std::vector<Request> take_wanted() { return std::exchange(wanted_, {}); }
  static Cut cut_now(const Request& request);
  Status settle(std::uint64_t mini_batches) override { return plan_->settle(mini_batches); }
  Status make_durable(std::uint64_t mini_batches) override {
    return plan_->make_durable(mini_batches, extent_);
  }

 private:
  ProcessPlan(std::unique_ptr<orchestrator::StoredPlan> plan, const Inputs& inputs)
      : plan_(std::move(plan)), inputs_(inputs), extent_(plan_->found()) {}

  std::unique_ptr<orchestrator::StoredPlan> plan_;
  const Inputs& inputs_;
  PlanExtent extent_;
  std::vector<Request> wanted_;
};

// The second input needs its column types.
class ModelSamples final : public orchestrator::SampleSource {
 public:
  explicit ModelSamples(bool tabular) : tabular_(tabular) {}
  Result<Sample> sample(std::uint32_t input) override {
    if (!tabular_ || input == 0) return Sample{};
    if (asked_++ < 2) return Sample{Need::kNotYet, {}};
    return Sample{Need::kSample, "sample"};
  }

 private:
  bool tabular_;
  int asked_ = 0;
};

}  // namespace parallelrun::simulation
