// What the orchestrator needs of planning, as interfaces beside their user. The process implements them over
// runner/input and runner/plan; the simulation over a model of it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/plan/item_range.h"
#include "runner/plan/mini_batch.h"

namespace parallelrun::orchestrator {

// The planned mini-batches in plan order, read back from disk: what waits is there, not in memory. Called on
// the core's thread only, so it must not block on planning.
class MiniBatchSource {
 public:
  virtual ~MiniBatchSource() = default;
  // The next one; empty when everything planned so far has been read. Errors: kCorrupt, kIo; they end the
  // job.
  virtual Result<std::optional<MiniBatch>> next() = 0;
  // The following next() gives mini-batch `id` (or a later one). Called before the first next() only. An
  // implementation that cannot seek may do nothing: what is finished is skipped anyway.
  virtual Status skip_to(MiniBatchId id) = 0;
  // By what a user knows the items of a mini-batch: members of its line in failed_items.jsonl.
  virtual nlohmann::ordered_json items_of(const MiniBatch& mini_batch) const = 0;
};

// Parts of mini-batches. Cutting may read their data: a thread of its own does it.
class PartCutter {
 public:
  virtual ~PartCutter() = default;
  struct Request {
    std::uint64_t number = 0;
    MiniBatch of;
    std::vector<ItemRange> ranges;  // each within its items
  };
  // As many as there are ranges, each with the number and input of the mini-batch. Nothing: its items cannot
  // be told apart before a worker reads them.
  using Cut = Result<std::optional<std::vector<MiniBatch>>>;
  // Called on the core's thread. The answer comes later, as Orchestrator::on_parts().
  virtual void cut(Request request) = 0;
};

// Samples for the inference of column types. Called on the core's thread.
class SampleSource {
 public:
  virtual ~SampleSource() = default;

  enum class Need {
    kNone,    // an input without columns
    kNotYet,  // the sample is not known yet; asked again before each lease of this input
    kSample,  // infer from `descriptor`
  };
  struct Sample {
    Need need = Need::kNone;
    std::string descriptor;  // of the kInferTypes lease
  };
  // Errors end the job.
  virtual Result<Sample> sample(std::uint32_t input) = 0;
};

}  // namespace parallelrun::orchestrator
