#include "common/text/counted.h"

#include <gtest/gtest.h>

namespace parallelrun {
namespace {

TEST(Counted, OneIsOneAndAllElseAreMany) {
  EXPECT_EQ(counted(0, "item"), "0 items");
  EXPECT_EQ(counted(1, "item"), "1 item");
  EXPECT_EQ(counted(2, "mini-batch"), "2 mini-batches");
  EXPECT_EQ(counted(1, "process"), "1 process");
  EXPECT_EQ(counted(3, "process"), "3 processes");
  EXPECT_EQ(counted(2, "try"), "2 tries");
  EXPECT_EQ(counted(2, "day"), "2 days");
  EXPECT_EQ(noun_for(1, "lease"), "lease");
}

}  // namespace
}  // namespace parallelrun
