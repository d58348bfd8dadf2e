// How soon a request may be sent, so that a client stays below a rate. No clock, lock or thread.
#pragma once

#include "common/kube/time.h"

namespace parallelrun::kube {

struct RequestRate {
  double per_second = 20;  // in the long run; more than 0
  int burst = 30;          // at once after a quiet time; at least 1
};

class TokenBucket {
 public:
  TokenBucket(RequestRate rate, Time now) : rate_(rate), tokens_(rate.burst), filled_at_(now) {}

  // Takes the next turn and returns how long it is until then; 0: now. Turns are given in the order of calls.
  // `now` must not go back.
  Duration take(Time now);
  // A turn that was taken and will not be used. Those who wait already do not get it.
  void give_back();

 private:
  RequestRate rate_;
  double tokens_;  // below 0: turns that lie in the future
  Time filled_at_;
};

}  // namespace parallelrun::kube
