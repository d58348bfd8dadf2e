#include "common/kube/line_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace parallelrun::kube {
namespace {

using ::testing::ElementsAre;

class LineBufferTest : public ::testing::Test {
 protected:
  bool push(std::string_view bytes) {
    return buffer_.push(bytes, [this](std::string_view line) {
      lines_.emplace_back(line);
      return lines_.size() != enough_;
    });
  }
  LineBuffer buffer_{8};
  std::vector<std::string> lines_;
  std::size_t enough_ = 0;
};

TEST_F(LineBufferTest, LinesComeWholeWhereverTheBytesAreCut) {
  for (const char c : std::string("one\n\ntwo\nrest")) EXPECT_TRUE(push({&c, 1}));
  EXPECT_TRUE(push("\nthree\nfour\n"));
  EXPECT_THAT(lines_, ElementsAre("one", "two", "rest", "three", "four"));
  EXPECT_EQ(buffer_.rest(), "");
}

TEST_F(LineBufferTest, LongestLineIsAllowedAndOneByteMoreIsNot) {
  EXPECT_TRUE(push("1234"));
  EXPECT_TRUE(push("5678\n"));
  EXPECT_TRUE(push("12345678"));
  EXPECT_FALSE(push("9"));
  EXPECT_TRUE(buffer_.overflowed());
  EXPECT_THAT(lines_, ElementsAre("12345678"));
}

TEST_F(LineBufferTest, EndsWhenTheReceiverHasEnough) {
  enough_ = 1;
  EXPECT_FALSE(push("one\ntwo\n"));
  EXPECT_THAT(lines_, ElementsAre("one"));
  EXPECT_FALSE(buffer_.overflowed());
}

}  // namespace
}  // namespace parallelrun::kube
