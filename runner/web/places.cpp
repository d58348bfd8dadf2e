#include "runner/web/places.h"

#include <fmt/format.h>

namespace parallelrun::web {
namespace {

struct Rule {
  Places::Bound bound;
  const char* words;    // of more than one
  const char* way_out;  // for the viewer
};

// Together with the bounds of a world (its list, its answers) this keeps the server within the memory that
// the chart gives it.
Rule rule_of(Places::Kind kind) {
  switch (kind) {
    case Places::Kind::kNamespaces:
      return {{16, 200}, "namespaces are watched", "name fewer of them, or close a page"};
    case Places::Kind::kFollowedLogs:
      return {{4, 32}, "logs of the cluster are followed", "stop following one of them"};
    case Places::Kind::kPages:
      return {{32, 400}, "pages are open", "close one of them"};
    case Places::Kind::kPods:
      return {{3, 12}, "pods are reading outputs", "try again in a moment"};
    case Places::Kind::kKeptBytes:
      return {{std::size_t{64} << 20U, std::size_t{256} << 20U}, "bytes of answers are kept", "nothing"};
  }
  return {{0, 0}, "", ""};
}

}  // namespace

Places::Bound Places::bound(Kind kind) { return rule_of(kind).bound; }

Result<Places::Place> Places::take(Kind kind, const std::string& owner, std::size_t count) {
  const Rule rule = rule_of(kind);
  const std::lock_guard lock(mutex_);
  std::size_t& all = all_[kind];
  const auto own = each_.find({kind, owner});
  const std::size_t before = own == each_.end() ? 0 : own->second;
  if (before + count > rule.bound.each)
    return Error{
        ErrorCode::kUnavailable,
        fmt::format("{} {}, which is the most for one viewer; {}", rule.bound.each, rule.words, rule.way_out),
        false};
  if (all + count > rule.bound.in_total)
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{} {} for all viewers together, which is the most that this server takes; "
                             "{}, or wait until others leave",
                             rule.bound.in_total, rule.words, rule.way_out),
                 false};
  all += count;
  each_[{kind, owner}] = before + count;
  Place place;
  place.places_ = shared_from_this();
  place.kind_ = kind;
  place.owner_ = owner;
  place.count_ = count;
  return place;
}

std::size_t Places::taken(Kind kind) const {
  const std::lock_guard lock(mutex_);
  const auto found = all_.find(kind);
  return found == all_.end() ? 0 : found->second;
}

void Places::give_back(Kind kind, const std::string& owner, std::size_t count) {
  const std::lock_guard lock(mutex_);
  all_[kind] -= count;
  const auto own = each_.find({kind, owner});
  own->second -= count;
  if (own->second == 0) each_.erase(own);  // viewers come and go
}

Places::Place::~Place() {
  if (places_) places_->give_back(kind_, owner_, count_);
}

void Places::Place::swap(Place& other) noexcept {
  places_.swap(other.places_);
  std::swap(kind_, other.kind_);
  owner_.swap(other.owner_);
  std::swap(count_, other.count_);
}

}  // namespace parallelrun::web
