// A Lease as anybody may have written it, read and written back; and the machine that holds one, under
// answers with any numbers: it is held only after a write of its own, never after it was lost, and what it
// writes the API server takes.
#include <cmath>

#include "common/json/json.h"
#include "common/kube/lease_election.h"
#include "common/kube/lease_state.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun::kube {
namespace {

using nlohmann::json;

void check_json(std::string_view text) {
  const json lease = json::parse(text, nullptr, false);
  if (lease.is_discarded()) return;
  const LeaseRecord record = lease_record(lease);
  if (!lease.is_object()) return;
  json written = json::object();
  set_lease_record(written, record);
  HOLDS(lease_record(written) == record);
}

LeaseRecord drawn_record(fuzz::Draw& draw, std::uint64_t version) {
  json lease = json::object();
  json& spec = lease["spec"];
  constexpr std::array<const char*, 4> kHolders = {"", "me", "other", "ended"};
  spec["holderIdentity"] = kHolders[draw.up_to(3)];
  spec["leaseDurationSeconds"] = draw.extreme();
  spec["leaseTransitions"] = draw.extreme();
  lease["metadata"] = {{"resourceVersion", std::to_string(version)}};
  return lease_record(lease);
}

// What the schema of a Lease asks for.
void check_written(const LeaseRecord& record) {
  HOLDS(record.transitions >= 0);
  HOLDS(record.duration.count() > 0 && record.duration.count() <= INT32_MAX);
}

void check_machine(fuzz::Draw draw) {
  LeaseOptions options;
  options.identity = "me";
  options.ended_holders = {"ended"};
  options.random = [] { return 0.5; };
  LeaseState state(options);
  Time now = Time{} + std::chrono::hours(24 * 365);
  const WallTime wall = WallTime{} + std::chrono::hours(24 * 365 * 50);
  bool written_once = false;
  std::uint64_t version = 0;
  for (int step = 0; step < 64 && !draw.empty(); ++step) {
    const auto action = state.next(now, wall);
    if (draw.up_to(20) == 0) state.stop(now);
    if (const auto* wait = std::get_if<LeaseState::Wait>(&action)) {
      HOLDS(wait->until > now);
      now = wait->until;
    } else if (std::holds_alternative<LeaseState::Over>(action)) {
      break;
    } else if (std::holds_alternative<LeaseState::Get>(action)) {
      switch (draw.up_to(2)) {
        case 0:
          state.on_record(now, drawn_record(draw, version += draw.up_to(1)));
          break;
        case 1:
          state.on_absent(now);
          break;
        default:
          state.on_failed(now);
      }
    } else {
      const auto* replace = std::get_if<LeaseState::Replace>(&action);
      LeaseRecord record = replace != nullptr ? replace->record : std::get<LeaseState::Create>(action).record;
      check_written(record);
      switch (draw.up_to(2)) {
        case 0:
          record.resource_version = std::to_string(++version);
          written_once = true;
          state.on_written(now, record);
          break;
        case 1:
          state.on_conflict(now);
          break;
        default:
          state.on_failed(now);
      }
    }
    const LeaseStanding standing = state.standing(now);
    HOLDS(standing != LeaseStanding::kHeld || written_once);
    HOLDS((standing == LeaseStanding::kHeld || standing == LeaseStanding::kUncertain) ==
          state.held_until().has_value());
    now += std::chrono::milliseconds(draw.u8());
  }
}

FUZZ_TARGET(lease) {
  if (bytes.starts_with('{')) return check_json(bytes);
  check_machine(fuzz::Draw(bytes));
}

}  // namespace
}  // namespace parallelrun::kube
