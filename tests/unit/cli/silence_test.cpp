#include "runner/cli/silence.h"

#include <gtest/gtest.h>

namespace parallelrun {
namespace {

using std::chrono::hours;
using std::chrono::nanoseconds;
using std::chrono::seconds;

const Silence::Time kStart{hours(1)};

TEST(Silence, IsTooLongAtItsBound) {
  Silence silence(kStart);
  for (int looks = 1; looks < 6; ++looks) EXPECT_FALSE(silence.too_long(kStart + looks * Silence::kLook));
  EXPECT_FALSE(silence.too_long(kStart + Silence::kMost - nanoseconds(1)));
  EXPECT_TRUE(silence.too_long(kStart + Silence::kMost));
}

TEST(Silence, EndsWithEachWord) {
  Silence silence(kStart);
  Silence::Time now = kStart;
  for (int beats = 0; beats < 100; ++beats) {
    now += Silence::kLook;
    EXPECT_FALSE(silence.too_long(now));
    silence.heard(now);
  }
  EXPECT_FALSE(silence.too_long(now + Silence::kLook));
}

// The machine slept, or Ctrl-Z: what is watched had no chance to say anything.
TEST(Silence, OfWhoDoesNotLookIsNotThatOfTheProcess) {
  Silence silence(kStart);
  EXPECT_FALSE(silence.too_long(kStart + hours(9)));
  silence.heard(kStart + hours(9));
  EXPECT_FALSE(silence.too_long(kStart + hours(18)));
  EXPECT_FALSE(silence.too_long(kStart + hours(18) + seconds(23)));
  EXPECT_FALSE(silence.too_long(kStart + hours(18) + seconds(29)));
}

}  // namespace
}  // namespace parallelrun
