#include "runner/pod/progress_pace.h"

#include <algorithm>

namespace parallelrun {

ProgressPace::Time ProgressPace::due(Time now) const {
  if (!written_) return now;
  const std::chrono::seconds interval = now - started_ < kLongJob ? kShort : kLong;
  return std::max(now, *written_ + interval);
}

}  // namespace parallelrun
