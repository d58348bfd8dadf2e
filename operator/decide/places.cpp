#include "operator/decide/places.h"

#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <utility>

#include "operator/decide/loss.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using std::chrono::seconds;

// Pods that are younger than this are expected to become ready yet, so their number is not worth a write.
constexpr seconds kTimeToSettle{10};

// A time in whole seconds that is not before `time`.
std::string rounded_up(WallTime time) { return format_wall_time(std::chrono::ceil<seconds>(time)); }

json place_of(const PlaceFacts& place) {
  json written = {{"incarnation", place.incarnation}};
  if (place.failures != 0) written["failures"] = place.failures;
  if (place.not_before) written["notBefore"] = rounded_up(*place.not_before);
  return written;
}

PlaceFacts facts_of(const Slot& slot) {
  return {.incarnation = slot.incarnation, .failures = slot.failures, .not_before = slot.not_before};
}

json orchestrator_place(const Decision& decision) {
  const JobFacts& facts = decision.facts;
  const Slot& slot = decision.slots.orchestrator;
  json place = place_of(facts_of(slot));
  if (slot.current != nullptr && runs(*slot.current)) {
    place["uid"] = slot.current->uid;
  } else if (!facts.orchestrator_uid.empty() && slot.incarnation == facts.orchestrator.incarnation) {
    place["uid"] = facts.orchestrator_uid;
  }
  return place;
}

}  // namespace

void record_places(Decision& decision) {
  decision.status.set("orchestrator", orchestrator_place(decision));
  // Places of workers that a smaller nodeCount has no room for are kept: incarnations only grow.
  std::map<std::uint32_t, PlaceFacts> places = decision.facts.workers;
  for (const Slot& slot : decision.slots.workers) {
    if (slot.incarnation != 0) places[slot.index] = facts_of(slot);
  }
  json workers = json::array();
  for (const auto& [index, place] : places) {
    workers.push_back(place_of(place));
    workers.back()["index"] = index;
  }
  if (!workers.empty()) decision.status.set("workers", std::move(workers));
}

void record_replicas(Decision& decision, const SpecVerdict& spec, const Obstacles& obstacles) {
  if (!spec.followed()) return;
  const JobFacts& facts = decision.facts;
  const std::int64_t replicas =
      std::int64_t{facts.node_count} - static_cast<std::int64_t>(obstacles.workers_refused);
  const bool scaled = facts.start_time && !facts.suspended && facts.observed_generation != facts.generation &&
                      replicas != facts.replicas;
  if (scaled) {
    decision.event(false, Reason::kScaled,
                   fmt::format("From {} to {} worker pods", facts.replicas, replicas));
  }
  decision.status.set("replicas", replicas);
}

void record_ready_replicas(Decision& decision, bool vanished) {
  const std::int64_t before = decision.facts.ready_replicas;
  const std::int64_t all = decision.facts.node_count;
  std::int64_t ready = 0;
  bool young = false;
  for (const Slot& slot : decision.slots.workers) {
    if (slot.current == nullptr) continue;
    const PodView& pod = *slot.current;
    // One that was told to leave is counted until the job ends: its going is no news.
    if ((pod.ready && !pod.deleting) || loss_of(pod) == Loss::kLeft) {
      ++ready;
    } else if (decision.now < pod.created + kTimeToSettle) {
      young = true;
      if (pod.created <= decision.now) decision.again_at(pod.created + kTimeToSettle);
    }
  }
  const bool news = ready == all || ready == 0 || decision.status.changed() || vanished;
  // In steps of a tenth, so that a thousand workers are not a thousand writes.
  const bool worth_it = 10 * std::abs(ready - before) >= all;
  decision.status.set("readyReplicas", news || (worth_it && !young) ? ready : before);
}

}  // namespace parallelrun::op
