// What befalls a simulated job.
#include <iterator>
#include <utility>

#include "runner/output/failed_items.h"
#include "runner/output/staged_rows.h"
#include "runner/output/state_files.h"
#include "spdlog/fmt/fmt.h"
#include "tests/simulation/world.h"

namespace parallelrun::simulation {

using std::chrono::milliseconds;
using std::chrono::seconds;

void World::make_trouble() {
  if (trouble_over() || complete_ || refused_) {
    disk_.faults = {};
    for (auto& agent : agents_) {
      if (!agent->running() || agent->broken()) agent->start();
    }
    return;
  }
  SimulatedAgent& agent = *agents_[dice_.between(std::uint64_t{0}, agents_.size() - 1)];
  switch (dice_.between(std::uint64_t{0}, std::uint64_t{12})) {
    case 0:
      if (process_) end_process(dice_.chance(0.5));
      break;
    case 1:
    case 2:
      // Dies within one of the next steps at the disk.
      disk_.kill_after(static_cast<std::int64_t>(dice_.between(std::uint64_t{0}, std::uint64_t{12})));
      break;
    case 3:
      agent.crash();
      events_.after(dice_.between(Duration(milliseconds(1)), Duration(seconds(8))), [&agent] {
        if (!agent.running()) agent.start();
      });
      break;
    case 4:
      agent.stand_still(dice_.between(Duration(milliseconds(50)), Duration(seconds(6))));
      break;
    case 5:
      cut_off_until_[fmt::format("agent{:03}", dice_.between(std::uint64_t{0}, agents_.size() - 1))] =
          events_.now() + dice_.between(Duration(milliseconds(100)), Duration(seconds(7)));
      break;
    case 6:
      if (dice_.chance(0.3))
        disk_.faults.capacity = disk_.used() + dice_.between(std::uint64_t{0}, std::uint64_t{500});
      break;
    case 7:
      // Stands still before one of the next steps at the disk, and its Lease expires.
      if (process_ && !one_is_paused_) {
        disk_.pause_after(static_cast<std::int64_t>(dice_.between(std::uint64_t{0}, std::uint64_t{30})),
                          [this] { pause_process(); });
      }
      break;
    case 8:
      if (!process_ || !process_->core || held_) break;
      hold(true);
      events_.after(dice_.between(Duration(milliseconds(100)), Duration(seconds(6))),
                    [this, life = process_life_] {
                      if (life == process_life_) hold(false);
                    });
      break;
    case 9:
      if (dice_.chance(0.2)) interrupt();
      break;
    case 10:
    case 11:
      // For a moment most syncs fail.
      {
        const double before = std::exchange(disk_.faults.sync_fails, 0.6);
        events_.after(dice_.between(Duration(milliseconds(20)), Duration(milliseconds(500))),
                      [this, before] { disk_.faults.sync_fails = trouble_over() ? 0 : before; });
      }
      break;
    default:
      break;
  }
  events_.after(dice_.between(Duration(milliseconds(50)), Duration(seconds(2))), [this] { make_trouble(); });
}

void World::interrupt() {
  if (!process_ || !process_->core) return;
  in_process([this] {
    interrupted_ = true;
    process_->core->interrupt("stopped", events_.now());
    after_call();
  });
}

void World::fail_planning() {
  plan_fails_at_.reset();
  plan_has_failed_ = true;
  process_->core->on_plan_failed({ErrorCode::kNotFound, "an input is gone"}, events_.now());
  after_call();
}

// One bit of one file whose every byte is covered, after the process that knew better has ended.
void World::decay() {
  static constexpr const char* kFiles[] = {orchestrator::kPlanPath, kFailedItemsPath, kOutput, kJournalPath};
  std::string file = kFiles[dice_.between(std::uint64_t{0}, std::size(kFiles) - 1)];
  // What is sealed is read once the job is complete.
  if (ordered_ && file == kOutput) file = kStagedRowsPath;
  if (file == kJournalPath) {
    // The last record may be what a crash has left of it. All before it was synced: nobody may go on from it.
    const std::uint64_t last = last_record(disk_, kFingerprint);
    if (!disk_.rot(file, last)) return;
    must_refuse_ = true;
  } else if (!disk_.rot(file)) {
    return;
  }
  ++report_.rotten_bits;
  rotten_ = true;
}

}  // namespace parallelrun::simulation
