#include "operator/decide/decide.h"

#include "operator/decide/decision.h"

namespace parallelrun::op {

Plan decide(const Snapshot& snapshot, const Settings& settings, WallTime now) {
  return Decision(snapshot, settings, now).make();
}

}  // namespace parallelrun::op
