#include "runner/orchestrator/server/slow_check.h"

#include <gtest/gtest.h>

namespace parallelrun::orchestrator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(SlowCheck, SaysNothingOfAQuickOneAndNowAndThenHowFarALongOneIs) {
  constexpr std::uint64_t kTotal = 10ULL << 30U;
  SlowCheck::Time now{seconds(100)};
  SlowCheck check;
  EXPECT_FALSE(check.look(0, kTotal, now));
  EXPECT_FALSE(check.look(kTotal / 2, kTotal, now + SlowCheck::kLong - milliseconds(1)));
  EXPECT_FALSE(check.look(kTotal, kTotal, now + SlowCheck::kLong - milliseconds(1)));

  EXPECT_FALSE(check.look(0, kTotal, now));
  EXPECT_EQ(check.look(1ULL << 30U, kTotal, now + SlowCheck::kLong),
            "checking that the output holds what was committed to it: 1.0 GB of 10.0 GB read so far");
  EXPECT_FALSE(check.look(2ULL << 30U, kTotal, now + SlowCheck::kLong + SlowCheck::kAgain - milliseconds(1)));
  EXPECT_TRUE(check.look(3ULL << 30U, kTotal, now + SlowCheck::kLong + SlowCheck::kAgain));
  EXPECT_EQ(check.look(kTotal, kTotal, now + seconds(23)),
            "checked that the output holds what was committed to it: 10.0 GB in 23 s");
}

TEST(SlowCheck, SaysBytesInWords) {
  EXPECT_EQ(bytes_in_words(1), "1 byte");
  EXPECT_EQ(bytes_in_words(1023), "1023 bytes");
  EXPECT_EQ(bytes_in_words(1536), "1.5 KB");
  EXPECT_EQ(bytes_in_words(5ULL << 40U), "5.0 TB");
}

}  // namespace
}  // namespace parallelrun::orchestrator
