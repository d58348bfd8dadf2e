#include "runner/input/glob.h"

#include <gtest/gtest.h>

namespace parallelrun {
namespace {

struct GlobCase {
  const char* glob;
  const char* path;
  bool matches;
};

class GlobMatches : public testing::TestWithParam<GlobCase> {};

TEST_P(GlobMatches, WholePath) {
  const Result<Glob> glob = Glob::compile(GetParam().glob);
  ASSERT_TRUE(glob.ok()) << glob.error().message;
  EXPECT_EQ(glob->matches(GetParam().path), GetParam().matches)
      << GetParam().glob << " on " << GetParam().path;
}

INSTANTIATE_TEST_SUITE_P(Table, GlobMatches,
                         testing::ValuesIn(std::initializer_list<GlobCase>{
                             {"", "a/b/c", true},
                             {"*", "a.png", true},
                             {"*", "a/b.png", false},
                             {"*.png", "a.png", true},
                             {"*.png", "a.PNG", false},
                             {"*.png", "a/b.png", false},
                             {"*.png", ".png", true},
                             {"a*a", "a", false},
                             {"a*a", "aa", true},
                             {"**/*.png", "a.png", true},
                             {"**/*.png", "a/b/c.png", true},
                             {"**/*.png", "a/b/c.jpg", false},
                             {"a/**", "a/b", true},
                             {"a/**", "a/b/c", true},
                             {"a/**", "a", false},
                             {"a/", "a/b/c", true},
                             {"a/", "b/c", false},
                             {"**", "a", true},
                             {"**", "a/b", true},
                             {"a/**/z", "a/z", true},
                             {"a/**/z", "a/b/c/z", true},
                             {"a/**/z", "a/b/c/y", false},
                             {"**/b/**/d", "a/b/c/b/d", true},
                             {"/a.txt", "a.txt", true},
                             {"./a.txt", "a.txt", true},
                             {"?.txt", "a.txt", true},
                             {"?.txt", "\xC3\xA4.txt", true},
                             {"?.txt", "\xFF.txt", true},
                             {"?.txt", "ab.txt", false},
                             {"?.txt", ".txt", false},
                             {"[a-c]x", "bx", true},
                             {"[a-c]x", "dx", false},
                             {"[!a-c]x", "dx", true},
                             {"[^a-c]x", "ax", false},
                             {"[]]x", "]x", true},
                             {"[a-]x", "-x", true},
                             {"[\xC3\xA4\xC3\xB6]x", "\xC3\xB6x", true},
                             {"\\*x", "*x", true},
                             {"\\*x", "ax", false},
                             {"*a*b*c", "xxaxxbxxc", true},
                             {"*a*b*c", "xxbxxaxxc", false},
                             {"*.part-??.csv", "x.part-part-01.csv", false},
                             {"*part-??.csv", "part-part-01.csv", true},
                             {"**/*.{jpg,png}", "a/b.png", true},
                             {"**/*.{jpg,png}", "b.jpg", true},
                             {"**/*.{jpg,png}", "b.gif", false},
                             {"**/*.{jpg,png}", "b.{jpg,png}", false},
                             {"{a/*,b/**}.csv", "a/x.csv", true},
                             {"{a,b/c}/*.csv", "b/c/x.csv", true},
                             {"{a,b/c}/*.csv", "a/c/x.csv", false},
                             {"{a,b/c}/*.csv", "b/x.csv", false},
                             {"x{,y}z", "xz", true},
                             {"x{,y}z", "xyz", true},
                             {"x{a,b{c,d}}z", "xbdz", true},
                             {"x{a,b{c,d}}z", "xbz", false},
                             {"{a,b}{c,d}", "bc", true},
                             {"{guid}.txt", "{guid}.txt", true},
                             {"{a,b", "{a,b", true},
                             {"{a,{b,c}", "{a,c", true},
                             {"a,b}", "a,b}", true},
                             {"\\{a,b}", "{a,b}", true},
                             {"\\{a,b}", "a", false},
                             {"{a\\,b,c}", "a,b", true},
                             {"[{]a,b}", "{a,b}", true},
                             {"{[,],b}x", ",x", true},
                             {"{a,b}/", "b/c/d", true},
                             {"{a,b}/", "c/d", false},
                         }));

TEST(Glob, ManyStarsStayFast) {
  std::string pattern;
  for (int i = 0; i < 30; ++i) pattern += "a*";
  const Result<Glob> glob = Glob::compile(pattern + "b");
  ASSERT_TRUE(glob.ok());
  EXPECT_FALSE(glob->matches(std::string(250, 'a')));
}

TEST(Glob, PrunesWhatCannotMatch) {
  const Result<Glob> glob = Glob::compile("2024/*/day*.csv");
  ASSERT_TRUE(glob.ok());
  EXPECT_FALSE(glob->may_match_below(glob->step(glob->start(), "2023")));
  const Glob::State year = glob->step(glob->start(), "2024");
  EXPECT_TRUE(glob->may_match_below(year));
  const Glob::State month = glob->step(year, "01");
  EXPECT_TRUE(glob->may_match_below(month));
  EXPECT_FALSE(glob->may_match_below(glob->step(month, "day1.csv")));
  EXPECT_TRUE(glob->accepts(glob->step(month, "day1.csv")));
}

TEST(Glob, RefusesWhatCannotBeMeant) {
  EXPECT_NE(Glob::compile("a[b").error().message.find("a[b"), std::string::npos);
  EXPECT_EQ(Glob::compile("../a").error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(Glob::compile("a\\").ok());
  std::string deep;
  for (int i = 0; i < 70; ++i) deep += "a/";
  EXPECT_FALSE(Glob::compile(deep + "*").ok());
  EXPECT_FALSE(Glob::compile("{a,..}/b").ok());
}

TEST(Glob, BracesArePrunedEachByItself) {
  const Result<Glob> glob = Glob::compile("{2023/01,2024/02}/*.csv");
  ASSERT_TRUE(glob.ok());
  const Glob::State year = glob->step(glob->start(), "2023");
  EXPECT_TRUE(glob->may_match_below(glob->step(year, "01")));
  EXPECT_FALSE(glob->may_match_below(glob->step(year, "02")));
  EXPECT_FALSE(glob->accepts(year));
}

TEST(Glob, BracesCannotMultiplyWithoutBound) {
  std::string all = "{0";
  for (int i = 1; i < 32; ++i) all += "," + std::to_string(i);
  EXPECT_TRUE(Glob::compile(all + "}").ok()) << "32 components and their 32 ends";
  EXPECT_FALSE(Glob::compile(all + ",32}").ok());
  std::string twice;
  for (int i = 0; i < 1000; ++i) twice += "{a,b}";
  EXPECT_FALSE(Glob::compile(twice.substr(0, 4000)).ok());
  EXPECT_TRUE(Glob::compile(std::string(2000, '{') + "a,b" + std::string(2000, '}')).ok()) << "two names";
  EXPECT_FALSE(Glob::compile(std::string(5000, 'a')).ok());
}

}  // namespace
}  // namespace parallelrun
