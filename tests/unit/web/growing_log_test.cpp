#include "runner/web/growing_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace parallelrun::web {
namespace {

std::string at(std::uint64_t offset, const std::string& text) {
  return "at " + std::to_string(offset) + " " + std::to_string(text.size()) + "\n" + text;
}

// As whoever reads its end.
std::string last(const GrowingLog& log, std::int64_t bytes) {
  const auto piece = log.piece({-bytes, bytes, true});
  return piece ? piece->text : "not kept";
}

TEST(GrowingLogTest, GrowsInAnyPieces) {
  const std::string all = at(100, "one\ntwo\n") + at(108, "") + at(108, "three\n") + "end\n";
  for (std::size_t step : {std::size_t{1}, std::size_t{3}, all.size()}) {
    GrowingLog log;
    EXPECT_FALSE(log.size());
    for (std::size_t i = 0; i < all.size(); i += step) ASSERT_TRUE(log.take(all.substr(i, step)));
    EXPECT_EQ(log.size(), 114U);
    EXPECT_TRUE(log.ended());
    const auto piece = log.piece({104, 100, false});
    ASSERT_TRUE(piece);
    EXPECT_EQ(piece->text, "two\nthree\n");
    EXPECT_EQ(piece->offset, 104U);
    EXPECT_EQ(piece->next, 114U);
    EXPECT_EQ(piece->size, 114U);
  }
}

TEST(GrowingLogTest, WhatIsBeforeItsBeginIsNotKept) {
  GrowingLog log;
  ASSERT_TRUE(log.take(at(100, "one\ntwo\n")));
  EXPECT_TRUE(log.piece({100, 10, false}));
  EXPECT_FALSE(log.piece({99, 10, false}));
  EXPECT_FALSE(log.piece({0, 10, false}));
  EXPECT_EQ(last(log, 6), "two\n");
  EXPECT_EQ(last(log, 1000), "not kept");
}

TEST(GrowingLogTest, ARotationBeginsItAnew) {
  GrowingLog log;
  ASSERT_TRUE(log.take(at(0, "before\n") + at(0, "") + at(0, "after\n")));
  EXPECT_EQ(log.size(), 6U);
  EXPECT_EQ(last(log, 100), "after\n");
}

TEST(GrowingLogTest, KeepsTheLastAlone) {
  GrowingLog log;
  const std::string line(1023, 'x');
  std::uint64_t offset = 0;
  for (int i = 0; i < 10'000; ++i, offset += 1024) ASSERT_TRUE(log.take(at(offset, line + "\n")));
  EXPECT_EQ(log.size(), offset);
  EXPECT_EQ(last(log, 1024), line + "\n");
  EXPECT_TRUE(log.piece({static_cast<std::int64_t>(offset - GrowingLog::kMostKept / 2), 10, false}));
  EXPECT_FALSE(log.piece({static_cast<std::int64_t>(offset - GrowingLog::kMostKept - 1024), 10, false}));
}

TEST(GrowingLogTest, WhatNoPodOfOursWritesIsRefused) {
  for (const std::string bad : {"hello\n", "at 1\n", "at x 1\n", "at 1 1 \n", "at -1 1\n", "at 1 65537\n",
                                "at 2000000000000000000 1\n", "end\nat 0 0\n", "at  1 1\n", "\n"})
    EXPECT_FALSE(GrowingLog().take(bad)) << bad;
  EXPECT_FALSE(GrowingLog().take(std::string(100, 'a')));
}

}  // namespace
}  // namespace parallelrun::web
