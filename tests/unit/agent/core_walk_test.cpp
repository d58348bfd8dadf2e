// A seeded random walk of the core: processes start, work, crash and hang, leases come and sessions end in
// any order. Whatever happens, no attempt is lost, none is reported twice, and a death is charged to none but
// the task that was being worked on, or else the one that was run last or comes next.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "fake_workers.h"

namespace parallelrun::agent {
namespace {

using channel::Phase;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Walk {
 public:
  explicit Walk(std::uint64_t seed) : random_(seed), stage_(3) {
    stage_.core->on_session(seconds(20), stage_.now);
    stage_.core->on_environment_ready(stage_.now);
  }

  void step() {
    stage_.now += milliseconds(pick(700));
    if (pick(10) > 0) stage_.core->on_contact(stage_.now);
    switch (pick(8)) {
      case 0:
      case 1:
        lease();
        break;
      case 2:
        stage_.core->advance(stage_.now);
        break;
      case 3:
        collect();
        break;
      default:
        move_process(static_cast<SlotIndex>(pick(3)));
    }
    while (pick(40) == 0) stage_.now += seconds(pick(12));
    stage_.core->advance(stage_.now);
  }

  void finish() {
    stage_.core->on_contact(stage_.now);
    stage_.core->on_directive(Directive::kDrain, stage_.now);
    for (int i = 0; i < 20'000 && !stage_.core->finished(); ++i) {
      stage_.now += milliseconds(100);
      stage_.core->on_contact(stage_.now);
      stage_.core->advance(stage_.now);
      for (SlotIndex slot = 0; slot < 3; ++slot) move_process(slot);
      collect();
    }
    while (stage_.outbox.unacknowledged_results() > 0) collect();
  }

  std::size_t skipped() const { return skipped_; }
  std::size_t deaths_charged() const { return stage_.observer.died.size(); }

  void expect_all_accounted_for(std::uint64_t seed) {
    EXPECT_TRUE(stage_.core->finished()) << "seed " << seed;
    EXPECT_EQ(stage_.workers.violations, 0) << "seed " << seed;
    EXPECT_EQ(stage_.outbox.unacknowledged_results(), 0u) << "seed " << seed;
    for (std::uint64_t attempt = 1; attempt < next_; ++attempt) {
      ASSERT_EQ(reported_[attempt], 1) << "attempt " << attempt << ", seed " << seed;
    }
  }

 private:
  std::uint64_t pick(std::uint64_t bound) { return random_() % bound; }

  void lease() {
    std::vector<std::uint64_t> group;
    for (std::uint64_t n = std::min<std::uint64_t>(stage_.core->want(), 1 + pick(20)); n > 0; --n)
      group.push_back(next_++);
    stage_.lease(group);
  }

  void collect() {
    ReportRequest report;
    stage_.outbox.fill(report);
    if (pick(4) == 0) {
      stage_.outbox.put_back(report);
      return;
    }
    for (const AttemptResult& result : report.results) ++reported_[result.attempt];
    stage_.outbox.acknowledged(report);
  }

  void move_process(SlotIndex slot) {
    FakeProcess& process = stage_.process(slot);
    if (!process.alive) return;
    if (process.killed) return end(slot, "SIGKILL");
    if (process.shutting_down) {
      stage_.core->on_bye(slot, 1, std::nullopt, stage_.now);
      return stage_.exit(slot, "ExitStatus");
    }
    const auto phase = static_cast<Phase>(process.stamp.phase);
    if (process.tasks.empty()) {
      // Harmless where it is not expected: then it is nonsense, and the process is killed.
      if (!ready_[slot] || pick(50) == 0) {
        if (pick(6) == 0) return stage_.exit(slot, "ExitStatus");
        stage_.core->on_ready(slot, stage_.now);
      }
      ready_[slot] = true;
      if (pick(10) == 0) crash(slot);
      return;
    }
    if (phase == Phase::kCut) return crash(slot);
    if (phase == Phase::kInRun) {
      if (pick(12) == 0) return crash(slot);
      if (pick(12) == 0) return;  // hangs
      const std::uint64_t task = process.stamp.task;
      if (std::none_of(process.tasks.begin(), process.tasks.end(),
                       [&](const Lease& l) { return l.attempt == task; })) {
        process.stamp.phase = 0;
        return;
      }
      if (pick(20) == 0) {
        process.stamp.phase = static_cast<std::uint64_t>(Phase::kCut);
        return;
      }
      const Time entry{std::chrono::nanoseconds(process.stamp.since_ns)};
      // Short ones as a rule, so that a process is given several at a time.
      const Duration took = stage_.now - entry;
      held_[slot].emplace_back(task, took < stage_.options.run_timeout ? milliseconds(1) : took);
      process.stamp.phase = 0;
      if (deadly(task)) return crash(slot);
      if (pick(3) > 0) send_results(slot);
      return;
    }
    if (!held_[slot].empty() && pick(8) == 0) return crash(slot);
    if (pick(3) == 0 || held_[slot].size() == process.tasks.size()) return send_results(slot);
    const std::uint64_t next = process.tasks[held_[slot].size()].attempt;
    if (process.tasks[held_[slot].size()].taken_back) {
      send_results(slot);
      process.tasks.pop_front();
      ++skipped_;
      return stage_.core->on_skipped(slot, next, stage_.now);
    }
    stage_.enter(slot, next, pick(3) == 0 ? Phase::kLoading : Phase::kInRun);
  }

  void send_results(SlotIndex slot) {
    for (const auto& [task, took] : std::exchange(held_[slot], {})) stage_.result(slot, task, took);
  }

  void crash(SlotIndex slot) {
    ready_[slot] = false;
    end(slot, "SIGSEGV");
  }

  void end(SlotIndex slot, const char* how) {
    const FakeProcess process = stage_.process(slot);
    const bool has_it = std::any_of(process.tasks.begin(), process.tasks.end(),
                                    [&](const Lease& lease) { return lease.attempt == process.stamp.task; });
    const std::size_t before = stage_.observer.died.size();
    held_[slot].clear();
    stage_.exit(slot, how);
    const std::vector<std::uint64_t>& died = stage_.observer.died;
    if (died.size() == before) return;
    ASSERT_EQ(died.size(), before + 1);
    // The first of those that have not been taken back for good, which only the core knows.
    const bool first = std::any_of(process.tasks.begin(), process.tasks.end(), [&](const Lease& lease) {
      return lease.attempt == died.back() &&
             (lease.attempt == process.tasks.front().attempt || process.tasks.front().taken_back);
    });
    EXPECT_TRUE(has_it ? died.back() == process.stamp.task : first) << died.back() << " is innocent";
  }

  // Leaves something behind that ends the process right after run().
  static bool deadly(std::uint64_t task) { return task % 16 == 0; }

  std::mt19937_64 random_;
  Stage stage_;
  std::uint64_t next_ = 1;
  std::size_t skipped_ = 0;
  std::map<std::uint64_t, int> reported_;
  bool ready_[3] = {false, false, false};
  std::vector<std::pair<std::uint64_t, Duration>> held_[3];  // tasks that were run, and how long, unsent
};

TEST(CoreWalk, LosesNoAttemptReportsNoneTwiceAndChargesNoInnocentOne) {
  std::size_t deaths_charged = 0;
  std::size_t skipped = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Walk walk(seed);
    for (int i = 0; i < 400; ++i) walk.step();
    walk.finish();
    walk.expect_all_accounted_for(seed);
    deaths_charged += walk.deaths_charged();
    skipped += walk.skipped();
    if (HasFailure()) return;
  }
  EXPECT_GT(deaths_charged, 300u);
  EXPECT_GT(skipped, 300u);
}

}  // namespace
}  // namespace parallelrun::agent
