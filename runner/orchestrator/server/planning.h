// Planning on threads of its own, and what the core and the commit thread see of it.
//
// The planner's thread appends to the plan file and tells how far it is; the core reads the plan back from
// the file, never beyond what was told. So what waits is on disk, and the core never waits for a directory to
// be listed.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/result/result.h"
#include "runner/input/input_format.h"
#include "runner/input/planner.h"
#include "runner/job/resolved_job.h"
#include "runner/orchestrator/plan_view.h"
#include "runner/orchestrator/server/guarded.h"
#include "runner/orchestrator/stored_plan.h"
#include "runner/output/storage.h"
#include "runner/plan/plan_durability.h"

namespace parallelrun::orchestrator {

class Planning final : public MiniBatchSource, public PlanDurability, public SampleSource, public PartCutter {
 public:
  // Told on the planner's, the sampler's or the part cutter's thread.
  struct Events {
    std::function<void(PlanExtent)> on_extent;       // what can be read now, and whether it is complete
    std::function<void(Error)> on_failed;            // planning ended; what is planned stays
    std::function<void()> on_checked;                // no input is refused; before anything is planned
    std::function<void()> on_samples;                // sample() of some input has an answer
    std::function<void(PassedOver)> on_passed_over;  // also what earlier runs met; from start() on
    std::function<void(std::uint64_t, PartCutter::Cut)> on_parts;  // the answer to cut()
    // Takes the listing of an input, by its index, and gives the one that is planned from; empty: the same.
    std::function<std::unique_ptr<Listing>(std::size_t input, std::unique_ptr<Listing>)> watched;
    std::function<void()>
        on_listed;  // all inputs were listed, and the plan is not complete yet; may be empty
    // Of an input that is hardly read as the user means it, in a sentence; before on_samples.
    std::function<void(std::string)> on_warning;
  };

  // Opens the plan of an earlier run, or an empty one, in `storage`. Reads all of it. `fresh_file`: the
  // predecessor may still be appending to it, so it is replaced by a copy. Errors: kAborted (a successor is
  // at work), kCorrupt, kNoSpace, kIo.
  static Result<std::unique_ptr<Planning>> open(Storage& storage, const std::string& plan_file,
                                                bool fresh_file, const ResolvedJob& job);
  // Stops the threads and waits for them: at most as long as one directory takes to be listed.
  ~Planning() override;

  // What the plan holds before start().
  const PlanExtent& found() const { return plan_->found(); }
  // Starts the planner's and the sampler's thread; that of the part cutter starts with the first cut().
  // Call it once.
  void start(Events events);
  // The threads end soon; nothing more is planned.
  void stop();
  // Whether the threads end within that time: one that lists a directory of a volume that does not answer may
  // never. Then this object must not be destroyed, and the process has to end without it.
  bool ends_within(std::chrono::milliseconds patience) const;

  // --- core thread ---
  Result<std::optional<MiniBatch>> next() override;
  Status skip_to(MiniBatchId) override { return {}; }
  nlohmann::ordered_json items_of(const MiniBatch& mini_batch) const override;
  // The path of its last file, below its input; empty where its descriptor does not decode.
  std::string object_of(const MiniBatch& mini_batch) const;
  Result<Sample> sample(std::uint32_t input) override;
  void cut(Request request) override;
  Status settle(std::uint64_t mini_batches) override {
    return plan_->settle(mini_batches);
  }  // before start()
  // --- commit thread ---
  Status make_durable(std::uint64_t mini_batches) override;

 private:
  struct Sampled {
    bool done = false;
    Result<Sample> sample{Sample{}};
  };

  Planning(std::unique_ptr<StoredPlan> plan, const ResolvedJob& job);
  std::thread at_work(void (Planning::*what)());
  void plan();
  Status plan_all(Planner& planner);
  Status publish();
  Status keep_passed_over(Planner& planner);
  void take_samples();
  void cut_parts();
  Cut parts_of(const Request& request) const;
  Result<Sample> take_sample(std::size_t input);

  const JobSpec spec_;
  const std::map<std::string, std::string> directories_;
  const std::string output_directory_;
  // By input.
  std::vector<std::unique_ptr<InputFormat>> formats_;
  std::vector<std::string> roots_;  // what descriptors are relative to, as people are told

  const std::unique_ptr<StoredPlan> plan_;
  PlanExtent seen_;  // core thread: the extent it reads up to
  Guarded<PlanExtent> extent_;
  Guarded<std::vector<Sampled>> samples_;  // by input
  Guarded<std::deque<Request>> wanted_parts_;
  Events events_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> at_work_{0};  // threads
  std::thread planner_;
  std::thread sampler_;
  std::thread part_cutter_;
};

}  // namespace parallelrun::orchestrator
