// The stored plan: a damaged one gives the mini-batches that were planned up to the damage and no other, goes
// on behind what is whole, and any bytes are a plan or refused.
#include "runner/plan/plan_file.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

class MemoryPlan final : public PlanStorage {
 public:
  std::string bytes;

  Status append(std::string_view more) override {
    bytes.append(more);
    return {};
  }
  Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
    if (offset >= bytes.size()) return std::size_t{0};
    const std::size_t got = std::min<std::size_t>(size, bytes.size() - offset);
    std::memcpy(into, bytes.data() + offset, got);
    return got;
  }
  Status truncate(std::uint64_t size) override {
    bytes.resize(std::min<std::size_t>(bytes.size(), size));
    return {};
  }
  Status refresh(std::uint64_t, std::uint64_t) override { return {}; }
  Status sync() override { return {}; }
  Result<std::uint64_t> size() override { return std::uint64_t{bytes.size()}; }
};

bool same(const MiniBatch& a, const MiniBatch& b) {
  return a.id == b.id && a.input == b.input && a.items == b.items && a.descriptor == b.descriptor;
}

bool is_prefix(const std::vector<MiniBatch>& part, const std::vector<MiniBatch>& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin(), same);
}

struct Read {
  std::vector<MiniBatch> mini_batches;
  bool damaged = false;
  PlanExtent position;
};

Read read(MemoryPlan& plan) {
  Read result;
  PlanReader reader(plan);
  const PlanExtent everything{plan.bytes.size(), 0, 0, false};
  while (true) {
    auto next = reader.next(everything);
    result.damaged = !next.ok();
    if (!next || !next->has_value()) break;
    HOLDS((**next).id.value == result.mini_batches.size());
    result.mini_batches.push_back(**std::move(next));
  }
  result.position = reader.position();
  HOLDS(result.position.bytes <= plan.bytes.size());
  HOLDS(result.position.mini_batches == result.mini_batches.size());
  return result;
}

MiniBatch drawn(fuzz::Draw& draw, std::size_t id) {
  MiniBatch mini_batch;
  mini_batch.id.value = id;
  mini_batch.input = draw.u32();
  mini_batch.items = draw.u32();
  mini_batch.descriptor = draw.string();
  return mini_batch;
}

void check_recovered(MemoryPlan& plan, const std::vector<MiniBatch>& written, bool torn_only) {
  const Read before = read(plan);
  HOLDS(is_prefix(before.mini_batches, written));
  auto writer = PlanWriter::open(plan);
  HOLDS(writer.ok() || !torn_only);
  if (!writer) return;
  const auto& last = (*writer)->last_found();
  HOLDS(last.has_value() == !before.mini_batches.empty());
  if (last) HOLDS(same(*last, before.mini_batches.back()));
  if (before.position.complete) return;
  fuzz::Draw nothing("");
  std::vector<MiniBatch> expected = before.mini_batches;
  expected.push_back(drawn(nothing, expected.size()));
  HOLDS((*writer)->append(expected.back()).ok());
  HOLDS((*writer)->finish().ok());
  const Read after = read(plan);
  HOLDS(!after.damaged && after.position.complete);
  HOLDS(after.mini_batches.size() == expected.size() && is_prefix(after.mini_batches, expected));
}

void check_damage(fuzz::Draw draw) {
  MemoryPlan plan;
  std::vector<MiniBatch> written;
  {
    auto writer = PlanWriter::open(plan);
    HOLDS(writer.ok());
    for (std::size_t i = draw.up_to(5); i > 0; --i) {
      written.push_back(drawn(draw, written.size()));
      HOLDS((*writer)->append(written.back()).ok());
    }
    if (draw.flag()) {
      HOLDS((*writer)->finish().ok());
    } else {
      HOLDS((*writer)->flush().ok());
    }
  }
  const Read sound = read(plan);
  HOLDS(!sound.damaged && sound.mini_batches.size() == written.size() &&
        is_prefix(sound.mini_batches, written));

  const std::size_t at = draw.u32() % plan.bytes.size();
  const bool torn = draw.flag();
  if (torn) {
    plan.bytes.resize(at);
  } else {
    plan.bytes[at] = static_cast<char>(plan.bytes[at] ^ static_cast<char>(draw.u8()));
  }
  check_recovered(plan, written, torn);
}

FUZZ_TARGET(plan_file) {
  fuzz::Draw draw(bytes);
  if (draw.flag()) return check_damage(draw);
  MemoryPlan plan;
  plan.bytes = draw.rest();
  const std::vector<MiniBatch> found = read(plan).mini_batches;
  check_recovered(plan, found, false);
}

}  // namespace
}  // namespace parallelrun
