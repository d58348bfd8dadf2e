// A model of planning: mini-batches appear over time, those not durable are lost with the power, and are then
// planned anew, perhaps from an input that has changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runner/orchestrator/plan_view.h"
#include "tests/simulation/faulty_disk.h"
#include "tests/simulation/virtual_time.h"

namespace parallelrun::simulation {

class ModelPlan final : public orchestrator::PlanDurability {
 public:
  struct Planned {
    std::uint64_t version = 0;  // differs where the same number was cut differently
    std::uint64_t items = 0;
    std::uint32_t input = 0;
  };

  ModelPlan(Dice& dice, std::uint64_t mini_batches) : dice_(dice), total_(mini_batches) {}

  // Plans up to `count` more.
  void plan(std::uint64_t count) {
    for (; count > 0 && planned_.size() < total_; --count) {
      const std::uint32_t input = planned_.size() * 2 < total_ ? 0 : 1;
      planned_.push_back({life_, dice_.between(std::uint64_t{1}, std::uint64_t{6}), input});
      items_ += planned_.back().items;
    }
  }
  void lose_power() {
    const std::uint64_t kept = dice_.between(durable_, planned_.size());
    while (planned_.size() > kept) {
      items_ -= planned_.back().items;
      planned_.pop_back();
    }
    ++life_;
  }
  Status make_durable(std::uint64_t mini_batches) override {
    if (mini_batches > planned_.size())
      return Error{ErrorCode::kCorrupt, "a commit of what was never planned"};
    durable_ = std::max(durable_, mini_batches);
    return {};
  }

  const std::vector<Planned>& planned() const { return planned_; }
  std::uint64_t items() const { return items_; }
  bool complete() const { return planned_.size() == total_; }
  std::uint64_t total() const { return total_; }

 private:
  Dice& dice_;
  std::uint64_t total_;
  std::uint64_t life_ = 0;
  std::uint64_t durable_ = 0;
  std::uint64_t items_ = 0;
  std::vector<Planned> planned_;
};

// Reads the plan as far as it goes. The descriptor is the version.
class ModelSource final : public orchestrator::MiniBatchSource {
 public:
  explicit ModelSource(const ModelPlan& plan) : plan_(plan) {}
  Result<std::optional<MiniBatch>> next() override {
    if (at_ >= plan_.planned().size()) return std::optional<MiniBatch>();
    const ModelPlan::Planned& planned = plan_.planned()[at_];
    MiniBatch mini_batch{MiniBatchId{at_++}, planned.input, planned.items, std::to_string(planned.version)};
    return std::optional(std::move(mini_batch));
  }
  Status skip_to(MiniBatchId id) override {
    at_ = id.value;
    return {};
  }

 private:
  const ModelPlan& plan_;
  std::uint64_t at_ = 0;
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
