// The body of a watch in pieces of any size: the same lines, of bounded length; and a cache whose changes,
// one by one, lead to what it holds.
#include <map>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/kube/line_buffer.h"
#include "common/kube/watch_state.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun::kube {
namespace {

using nlohmann::json;

constexpr std::size_t kLongest = 1024;

struct Lines {
  std::vector<std::string> all;
  bool overflowed = false;
};

Lines lines_of(std::string_view stream, std::size_t piece) {
  Lines lines;
  LineBuffer buffer(kLongest);
  while (!stream.empty() && !buffer.overflowed()) {
    const std::string_view more = stream.substr(0, piece);
    stream.remove_prefix(more.size());
    buffer.push(more, [&](std::string_view line) {
      lines.all.emplace_back(line);
      return true;
    });
    HOLDS(buffer.rest().size() <= kLongest);
  }
  lines.overflowed = buffer.overflowed();
  for (const std::string& line : lines.all) HOLDS(!line.empty() && line.size() <= kLongest);
  return lines;
}

// The cache as its listeners know it.
class Follower {
 public:
  void take(const std::vector<CacheChange>& changes) {
    for (const CacheChange& change : changes) {
      const auto known = known_.find(change.key);
      switch (change.kind) {
        case CacheChange::Kind::kAdded:
          HOLDS(known == known_.end() && change.after && !change.before);
          known_.emplace(change.key, change.after);
          break;
        case CacheChange::Kind::kUpdated:
          HOLDS(known != known_.end() && known->second == change.before);
          known->second = change.after;
          break;
        case CacheChange::Kind::kDeleted:
          HOLDS(known != known_.end() && change.before && !change.after);
          known_.erase(known);
          break;
      }
    }
  }
  void compare(const WatchState& state) const {
    HOLDS(known_.size() == state.objects().size());
    for (const auto& [key, object] : state.objects()) HOLDS(known_.at(key) == object.body);
  }

 private:
  std::map<ObjectKey, PackedJson> known_;
};

FUZZ_TARGET(watch_lines) {
  fuzz::Draw draw(bytes);
  const std::size_t piece = draw.u8() + 1;
  const std::string_view stream = draw.rest();
  const Lines lines = lines_of(stream, stream.size() + 1);
  const Lines in_pieces = lines_of(stream, piece);
  HOLDS(lines.all == in_pieces.all && lines.overflowed == in_pieces.overflowed);

  WatchState::Options options;
  options.random = [] { return 0.5; };
  WatchState state(options);
  Follower follower;
  Time now{};
  // Lists and watches take lines as they are asked for.
  for (const std::string& line : lines.all) {
    for (auto action = state.next(now); std::holds_alternative<WatchState::Wait>(action);
         action = state.next(now)) {
      const Time until = std::get<WatchState::Wait>(action).until;
      HOLDS(until > now && until - now <= std::chrono::hours(1));
      now = until;
    }
    const auto action = state.next(now);
    if (const auto* watch = std::get_if<WatchState::Watch>(&action)) {
      HOLDS(state.synced() && watch->resource_version == state.resource_version());
      HOLDS(watch->timeout >= options.shortest_watch && watch->timeout <= options.longest_watch);
      const auto outcome = state.on_line(now, line);
      HOLDS(outcome.changes.size() <= 2);
      follower.take(outcome.changes);
      if (!outcome.go_on || line.size() % 16 == 0) state.on_watch_ended(now, std::nullopt);
    } else {
      follower.take(state.on_page(now, json::parse(line, nullptr, false)));
    }
    follower.compare(state);
    now += std::chrono::seconds(1);
  }
}

}  // namespace
}  // namespace parallelrun::kube
