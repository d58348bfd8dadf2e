#include "runner/web/visit_book.h"

namespace parallelrun::web {

bool VisitBook::may_enter(const std::string& key, Time now) {
  const auto found = visits_.find(key);
  if (found == visits_.end()) return false;
  found->second.wanted = now;
  return proved(key, now);
}

bool VisitBook::proved(const std::string& key, Time now) const {
  const auto found = visits_.find(key);
  return found != visits_.end() && now - found->second.proved < kProofGood;
}

bool VisitBook::accept(const std::string& key, Time now) {
  const auto found = visits_.find(key);
  if (found != visits_.end()) {
    found->second.proved = now;
    return true;
  }
  if (visits_.size() >= most_) return false;
  visits_.emplace(key, Visit{now, now});
  return true;
}

VisitBook::Due VisitBook::due(Time now, const std::function<bool(const std::string& key)>& open) const {
  Due due;
  for (const auto& [key, visit] : visits_) {
    const bool here = open(key);
    if (here ? now - visit.proved >= kWithoutProof : now - visit.wanted >= kIdle) {
      due.end.push_back(key);
    } else if (here && now - visit.proved >= kProofAgain) {
      due.prove.push_back(key);
    }
  }
  return due;
}

}  // namespace parallelrun::web
