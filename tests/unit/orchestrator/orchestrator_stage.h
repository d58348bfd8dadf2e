// A core with a plan, driven as its shell would, at a time that the test moves.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/json/json.h"
#include "runner/orchestrator/orchestrator.h"

namespace parallelrun::orchestrator {

class ListSource final : public MiniBatchSource {
 public:
  std::deque<MiniBatch> list;
  Result<std::optional<MiniBatch>> next() override {
    if (list.empty()) return std::optional<MiniBatch>();
    MiniBatch first = std::move(list.front());
    list.pop_front();
    return std::optional(std::move(first));
  }
  Status skip_to(MiniBatchId) override { return {}; }
  nlohmann::ordered_json items_of(const MiniBatch&) const override { return {}; }
};

class FixedSamples final : public SampleSource {
 public:
  Sample answer;
  Result<Sample> sample(std::uint32_t) override { return answer; }
};

// Keeps what is wanted until the test answers.
class KeptParts final : public PartCutter {
 public:
  std::deque<Request> wanted;
  void cut(Request request) override { wanted.push_back(std::move(request)); }
};

// A core with a plan, driven as its shell would; every group commit succeeds when commit() is called.
class OrchestratorTest : public testing::Test {
 protected:
  OrchestratorTest() {
    options.input_names = {"images"};
    options.job = "{}";
    recovered.epoch = 1;
    recovered.epochs = {{1, 0}};
  }

  Orchestrator& core() {
    if (!core_) core_.emplace(options, std::move(recovered), planning(), observer, now);
    return *core_;
  }
  Orchestrator::Planning planning() { return {source, samples, parts}; }
  // Answers the oldest request: the descriptor of a part says which items it has. Gives the ranges.
  std::vector<ItemRange> cut() {
    if (parts.wanted.empty()) return {};
    PartCutter::Request request = std::move(parts.wanted.front());
    parts.wanted.pop_front();
    std::vector<MiniBatch> made;
    for (const ItemRange& range : request.ranges) {
      made.push_back({request.of.id, request.of.input, range.size(),
                      request.of.descriptor + "[" + std::to_string(range.begin) + "," +
                          std::to_string(range.end) + ")"});
    }
    core().on_parts(request.number, std::optional(std::move(made)), now);
    return request.ranges;
  }
  void plan(std::uint64_t count, bool complete = true) {
    for (std::uint64_t i = 0; i < count; ++i) source.list.push_back({{i}, 0, 2, "d"});
    core().on_plan(count, count * 2, complete, now);
  }
  std::uint64_t join(const std::string& name, std::uint32_t slots = 1) {
    auto reply = core().on_register({kProtocolVersion, name, "127.0.0.1", slots, ""}, "", now);
    EXPECT_TRUE(reply);
    return reply->session;
  }
  // Null: parked.
  std::shared_ptr<const LeaseReply> lease(std::uint64_t session, std::uint64_t sequence,
                                          std::uint32_t want = 1) {
    auto reply = core().on_lease({session, sequence, want}, now);
    EXPECT_TRUE(reply) << reply.error().message;
    return reply ? *reply : nullptr;
  }
  static AttemptResult result_of(const Lease& lease, Outcome outcome, std::uint64_t returned = 2) {
    AttemptResult result;
    result.kind = lease.kind;
    result.attempt = lease.attempt;
    result.seal = lease.seal;
    result.work = lease.work;
    result.outcome = outcome;
    result.items = lease.items;
    result.returned = returned;
    if (outcome == Outcome::kSucceeded) result.rows = "row\n";
    if (outcome != Outcome::kSucceeded) result.error = {ErrorPhase::kRun, "ValueError", "bad", ""};
    return result;
  }
  Result<std::optional<ReportReply>> report(std::uint64_t session, std::uint64_t sequence,
                                            std::vector<AttemptResult> results, bool leaving = false) {
    ReportRequest request;
    request.session = session;
    request.sequence = sequence;
    request.results = std::move(results);
    request.leaving = leaving;
    return core().on_report(std::move(request), now);
  }
  // A report whose answer is of no interest.
  void bring(std::uint64_t session, std::uint64_t sequence, std::vector<AttemptResult> results,
             bool leaving = false) {
    EXPECT_TRUE(report(session, sequence, std::move(results), leaving));
  }
  std::optional<CommitGroup> commit() {
    auto group = core().take_group(now);
    if (group) core().on_committed(group->number, now);
    return group;
  }
  // In steps, as the shell ticks.
  void pass(Duration time) {
    const Time until = now + time;
    while (now < until) {
      now = std::min(until, now + Orchestrator::kTick);
      core().tick(now);
    }
  }

  Orchestrator::Options options;
  RecoveredJob recovered;
  ListSource source;
  FixedSamples samples;
  KeptParts parts;
  JobObserver observer;
  Time now{std::chrono::seconds(1000)};

 private:
  std::optional<Orchestrator> core_;
};

}  // namespace parallelrun::orchestrator
