// Simulated jobs, one a seed. PARALLELRUN_SIMULATION_SEEDS=N runs N of them; `simulation_test --seed S`
// replays one.
#include "tests/simulation/simulation.h"

#include <gtest/gtest.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "runner/output/journal.h"
#include "tests/simulation/faulty_disk.h"
#include "tests/simulation/virtual_time.h"

namespace parallelrun::simulation {
namespace {

constexpr std::uint64_t kDefaultSeeds = 3'000;
std::uint64_t only_seed = 0;  // --seed

std::uint64_t number_in(const char* text, std::uint64_t otherwise) {
  if (text == nullptr) return otherwise;
  const std::string_view all(text);
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(all.data(), all.data() + all.size(), value);
  return parsed.ec == std::errc() ? value : otherwise;
}

TEST(Simulation, EveryMiniBatchOnceWhateverHappens) {
  const std::uint64_t first = only_seed != 0 ? only_seed : 1;
  const std::uint64_t seeds =
      only_seed != 0 ? 1 : number_in(std::getenv("PARALLELRUN_SIMULATION_SEEDS"), kDefaultSeeds);
  Report sum;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const Report report = simulate(seed);
    for (const std::string& violation : report.violations) {
      ADD_FAILURE() << "seed " << seed << ": " << violation << "\nreplay with: simulation_test --seed "
                    << seed;
    }
    if (HasFailure()) break;
    sum.mini_batches += report.mini_batches;
    sum.orchestrator_starts += report.orchestrator_starts;
    sum.power_losses += report.power_losses;
    sum.failed_runs += report.failed_runs;
    sum.disk_errors += report.disk_errors;
    sum.interrupts += report.interrupts;
    sum.rotten_bits += report.rotten_bits;
    sum.refusals += report.refusals;
    sum.groups += report.groups;
    sum.sessions += report.sessions;
    sum.takeovers += report.takeovers;
    sum.woken_steps += report.woken_steps;
    sum.old_epoch_commits += report.old_epoch_commits;
    sum.splits += report.splits;
    sum.parts_after_a_start += report.parts_after_a_start;
  }
  std::cout << seeds << " jobs from seed " << first << ": " << sum.mini_batches << " mini-batches, "
            << sum.orchestrator_starts << " starts of the orchestrator, " << sum.power_losses
            << " power losses, " << sum.disk_errors << " disk errors, " << sum.failed_runs << " failed runs, "
            << sum.interrupts << " interrupts, " << sum.rotten_bits << " rotten bits, " << sum.refusals
            << " refusals, " << sum.takeovers << " takeovers from a paused orchestrator with "
            << sum.woken_steps << " calls finished after waking up, " << sum.groups << " group commits, "
            << sum.sessions << " registrations, " << sum.old_epoch_commits
            << " commits of an earlier epoch's results, " << sum.splits << " splits, "
            << sum.parts_after_a_start << " parts that a start found\n";
  if (only_seed != 0) return;
  // The trouble has to happen for the test to say anything.
  EXPECT_GT(sum.power_losses, 0U);
  EXPECT_GT(sum.disk_errors, 0U);
  EXPECT_GT(sum.failed_runs, 0U);
  EXPECT_GT(sum.old_epoch_commits, 0U);
  EXPECT_GT(sum.takeovers, 0U);
  EXPECT_GT(sum.woken_steps, 0U);
  EXPECT_GT(sum.interrupts, 0U);
  EXPECT_GT(sum.rotten_bits, 0U);
  EXPECT_GT(sum.refusals, 0U);
  EXPECT_GT(sum.splits, 0U);
  EXPECT_GT(sum.parts_after_a_start, 0U);
}

TEST(Simulation, ANewJournalIsThereAfterALossOfPower) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Dice dice(seed);
    FaultyDisk disk(dice);
    ProcessDisk storage(disk, 0);
    ASSERT_TRUE(JournalWriter::create(storage, "job"));
    disk.lose_power();
    ASSERT_TRUE(disk.has(kJournalPath)) << "seed " << seed;
    auto file = storage.open(kJournalPath);
    const auto ours = is_journal_of(**file, "job");
    EXPECT_TRUE(ours && *ours) << "seed " << seed;
  }
}

TEST(Simulation, ASeedRepeatsItself) {
  const Report once = simulate(7);
  const Report again = simulate(7);
  EXPECT_EQ(once.groups, again.groups);
  EXPECT_EQ(once.sessions, again.sessions);
  EXPECT_EQ(once.orchestrator_starts, again.orchestrator_starts);
}

}  // namespace
}  // namespace parallelrun::simulation

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string_view(argv[i]) == "--seed") {
      parallelrun::simulation::only_seed = parallelrun::simulation::number_in(argv[i + 1], 0);
    }
  }
  return RUN_ALL_TESTS();
}
