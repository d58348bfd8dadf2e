#include "common/spec/size_text.h"

#include <gtest/gtest.h>

#include <limits>

namespace parallelrun {
namespace {

TEST(SizeText, OfEveryUnit) {
  EXPECT_EQ(bytes_of_size("1"), 1U);
  EXPECT_EQ(bytes_of_size("007k"), 7'000U);
  EXPECT_EQ(bytes_of_size("2M"), 2'000'000U);
  EXPECT_EQ(bytes_of_size("1Ki"), 1024U);
  EXPECT_EQ(bytes_of_size("512Mi"), std::uint64_t{512} << 20U);
  EXPECT_EQ(bytes_of_size("2Gi"), std::uint64_t{2} << 30U);
  EXPECT_EQ(bytes_of_size("3Ti"), std::uint64_t{3} << 40U);
  EXPECT_EQ(bytes_of_size("1E"), 1'000'000'000'000'000'000U);
  EXPECT_EQ(bytes_of_size("999999999999999Ei"), std::numeric_limits<std::uint64_t>::max());
}

TEST(SizeText, AllElseIsNone) {
  for (const char* text : {"", "0", "0Gi", "Gi", "-1", "1.5Gi", "2 GB", "2GB", "1K", "1ki", "1mi", "1i", "1m",
                           "1Gix", "1e3", "1000000000000000"}) {
    EXPECT_EQ(bytes_of_size(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace parallelrun
