#include "runner/plan/split.h"

#include <bit>

namespace parallelrun {
namespace {

constexpr std::uint32_t kWhole = 1;  // its place in the row of numbers; in a WorkId the whole is part 0

// The way to a part, half by half, as the leading bits of a number.
std::uint32_t way_to(std::uint32_t part) { return part == 0 ? 0 : part << (32 - std::bit_width(part)); }

}  // namespace

std::optional<Halves> halves_of(std::uint32_t part) {
  const std::uint32_t place = part == 0 ? kWhole : part;
  if (place >= 1U << 31U) return std::nullopt;
  return Halves{2 * place, 2 * place + 1};
}

bool comes_before(const WorkId& a, const WorkId& b) {
  if (a.mini_batch != b.mini_batch) return a.mini_batch < b.mini_batch;
  return way_to(a.part) < way_to(b.part);
}

ItemRange items_of_part(std::uint32_t part, std::uint64_t items) {
  ItemRange range{0, items};
  for (int depth = std::bit_width(part) - 2; depth >= 0; --depth) {
    const std::uint64_t middle = range.begin + (range.size() + 1) / 2;
    if ((part >> static_cast<unsigned>(depth) & 1U) == 0) {
      range.end = middle;
    } else {
      range.begin = middle;
    }
  }
  return range;
}

}  // namespace parallelrun
