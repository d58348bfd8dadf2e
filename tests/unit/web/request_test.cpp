#include "runner/web/request.h"

#include <gtest/gtest.h>

namespace parallelrun::web {
namespace {

TEST(Request, PathAndQueryAreDecoded) {
  const auto target = parse_target("/api/jobs/d12/log?path=user%2Ferror.txt&text=a+b%26c&offset=-5&empty=");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, (std::vector<std::string>{"api", "jobs", "d12", "log"}));
  EXPECT_EQ(target->text("path"), "user/error.txt");
  EXPECT_EQ(target->text("text"), "a b&c");
  EXPECT_EQ(target->text("empty"), "");
  EXPECT_EQ(target->text("missing"), "");
  EXPECT_EQ(target->number("offset", 0, -10, 10).value(), -5);
  EXPECT_EQ(target->number("limit", 7, 0, 10).value(), 7);
}

TEST(Request, WhatIsMalformedIsNone) {
  for (const char* text : {"", "api", "*", "http://host/api", "/a%", "/a%2", "/a%zz", "/a%00b", "/../etc",
                           "/a/%2e%2E/b", "/a/./b", "/a%2fb", "/a?x=%", "/a?x=1&x=2", "/a?%00=1"})
    EXPECT_FALSE(parse_target(text)) << text;
}

TEST(Request, NumbersHaveBounds) {
  const auto target = parse_target("/a?a=11&b=x&c=1x&d=&e=99999999999999999999");
  ASSERT_TRUE(target);
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    const auto number = target->number(name, 0, 0, 10);
    ASSERT_FALSE(number) << name;
    EXPECT_NE(number.error().message.find("must be a whole number from 0 to 10"), std::string::npos);
  }
}

TEST(Request, AQueryIsWrittenAsItIsRead) {
  const std::map<std::string, std::string> query = {{"path", "a b/c&d=e%+\xff"}, {"text", ""}};
  const auto target = parse_target("/x?" + query_text(query));
  ASSERT_TRUE(target);
  EXPECT_EQ(target->query, query);
}

}  // namespace
}  // namespace parallelrun::web
