#include "common/kube/token_bucket.h"

#include <algorithm>
#include <cmath>

namespace parallelrun::kube {

Duration TokenBucket::take(Time now) {
  const std::chrono::duration<double> passed = now - filled_at_;
  tokens_ = std::min<double>(rate_.burst, tokens_ + passed.count() * rate_.per_second);
  filled_at_ = now;
  tokens_ -= 1;
  if (tokens_ >= 0) return Duration(0);
  return Duration(static_cast<Duration::rep>(std::ceil(-tokens_ / rate_.per_second * 1e9)));
}

void TokenBucket::give_back() { tokens_ = std::min<double>(rate_.burst, tokens_ + 1); }

}  // namespace parallelrun::kube
