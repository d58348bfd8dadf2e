#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/spec/field_path.h"
#include "common/spec/nearest_name.h"
#include "common/spec/problems.h"
#include "common/spec/utf8.h"

namespace parallelrun {
namespace {

using testing::ElementsAre;

TEST(NearestName, FindsMisspellings) {
  const std::vector<std::string> known = {"miniBatchSize", "nodeCount",    "nfs",
                                          "rbd",           "outputAction", "output"};
  EXPECT_EQ(nearest_name("miniBatchSise", known), "miniBatchSize");
  EXPECT_EQ(nearest_name("mini_batch_size", known), "miniBatchSize");
  EXPECT_EQ(nearest_name("MINIBATCHSIZE", known), "miniBatchSize");
  EXPECT_EQ(nearest_name("ndoeCount", known), "nodeCount");
  EXPECT_EQ(nearest_name("outptu", known), "output");
  EXPECT_EQ(nearest_name("nsf", known), "nfs");
  EXPECT_EQ(nearest_name("xyz", known), "");
  EXPECT_EQ(nearest_name("", known), "");
  EXPECT_EQ(nearest_name("replicas", known), "");
  EXPECT_EQ(nearest_name(std::string(100'000, 'a'), known), "");
  EXPECT_EQ(nearest_name("a", {}), "");
}

TEST(FieldPath, ReadsWhatItWrites) {
  const std::string path = child_path(child_path(child_path(child_path("", "spec"), "variables"), "a.b"), 12);
  EXPECT_EQ(path, "spec.variables[\"a.b\"][12]");
  EXPECT_THAT(parse_field_path(path).value(), ElementsAre(PathSegment("spec"), PathSegment("variables"),
                                                          PathSegment("a.b"), PathSegment(std::size_t{12})));
  for (const char* broken : {"", ".", "a.", "a..b", "a[", "a[x]", "a[-1]", "a[1", "a['b", "a b", "a[1]b",
                             ".a", "a[]", "a[99999999999999999999999]"}) {
    EXPECT_FALSE(parse_field_path(broken).ok()) << broken;
  }
}

TEST(Messages, ShowAnyBytes) {
  EXPECT_EQ(in_quotes("a\nb\x01"), "'a\\nb\\x01'");
  EXPECT_EQ(in_quotes("\xff"), "'\\xff'");
  EXPECT_EQ(in_quotes("é"), "'é'");
  std::string text(79, 'a');
  text += "é";  // its second byte would be the 81st
  EXPECT_EQ(in_quotes(text), "'" + std::string(79, 'a') + "...'");
}

TEST(Utf8, IsStrict) {
  for (const char* good : {"", "a", "é", "€", "😀", "\xf4\x8f\xbf\xbf"}) EXPECT_TRUE(is_utf8(good)) << good;
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xc3", "\xff"}) {
    EXPECT_FALSE(is_utf8(bad)) << in_quotes(bad);
  }
  EXPECT_EQ(first_invalid_utf8("abé\xff"), 4U);
}

}  // namespace
}  // namespace parallelrun
