#include "operator/decide/decide.h"

namespace parallelrun::op {

Plan decide(const Snapshot& snapshot, const Settings& settings, WallTime now) {
  (void)snapshot;
  (void)settings;
  (void)now;
  return {};
}

}  // namespace parallelrun::op
