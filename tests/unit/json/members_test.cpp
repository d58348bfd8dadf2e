#include "common/json/members.h"

#include <gtest/gtest.h>

namespace parallelrun {
namespace {

using nlohmann::json;

const json kObject = {{"text", "a"}, {"object", {{"b", 1}}}, {"count", 7U}, {"below", -7}, {"null", nullptr}};

TEST(Members, AreReadByTheirTypes) {
  EXPECT_EQ(text_at(kObject, "text"), "a");
  EXPECT_EQ(object_at(kObject, "object"), json({{"b", 1}}));
  EXPECT_EQ(count_at(kObject, "count"), 7U);
  EXPECT_EQ(number_at(kObject, "count"), 7);
  EXPECT_EQ(number_at(kObject, "below"), -7);
}

TEST(Members, OfOtherTypesAndMissingOnesAreEmpty) {
  for (const char* name : {"object", "count", "below", "null", "missing"}) {
    EXPECT_EQ(text_at(kObject, name), "") << name;
  }
  for (const char* name : {"text", "count", "below", "null", "missing"}) {
    EXPECT_EQ(object_at(kObject, name), json::object()) << name;
  }
  for (const char* name : {"text", "object", "below", "null", "missing"}) {
    EXPECT_EQ(count_at(kObject, name), 0U) << name;
  }
  for (const char* name : {"text", "object", "null", "missing"}) {
    EXPECT_EQ(number_at(kObject, name), std::nullopt) << name;
  }
}

TEST(Members, OfWhatIsNoObjectAreEmpty) {
  for (const json& value : {json(), json("text"), json(1), json::array({1})}) {
    EXPECT_EQ(text_at(value, "text"), "") << value;
    EXPECT_EQ(object_at(value, "text"), json::object()) << value;
    EXPECT_EQ(count_at(value, "text"), 0U) << value;
    EXPECT_EQ(number_at(value, "text"), std::nullopt) << value;
  }
}

}  // namespace
}  // namespace parallelrun
