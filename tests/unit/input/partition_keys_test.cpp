// What makes values of partition keys equal, and where paths have them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/spec/path_names.h"
#include "runner/input/key_value.h"
#include "runner/input/keyed_batch.h"
#include "runner/input/path_keys.h"
#include "runner/input/path_pattern.h"

namespace parallelrun {
namespace {

using testing::HasSubstr;

std::string matched(const std::string& pattern, const std::string& path) {
  const auto compiled = PathPattern::compile(pattern);
  if (!compiled) return compiled.error().message;
  std::vector<std::string_view> values;
  if (!compiled->match(path, values)) return "no";
  std::string text;
  for (const std::string_view value : values) text.append(text.empty() ? "" : " ").append(value);
  return text;
}

TEST(PathPattern, NamesStandForPartsOfOneComponent) {
  EXPECT_EQ(matched("{user}/{genre}/*.mp3", "u1/rock/a.mp3"), "u1 rock");
  EXPECT_EQ(matched("{user}/{genre}/*.mp3", "u1/rock/a.wav"), "no");
  EXPECT_EQ(matched("{user}/{genre}/*.mp3", "u1/a.mp3"), "no");
  EXPECT_EQ(matched("{user}/{genre}/*.mp3", "u1/rock/x/a.mp3"), "no");
  EXPECT_EQ(matched("store={store}/{day}.csv", "store=3/2020.csv"), "3 2020");
  EXPECT_EQ(matched("store={store}/{day}.csv", "store=/2020.csv"), "no");
  EXPECT_EQ(matched("**/{stem}.{ending}", "a/b/c.tar.gz"), "c tar.gz");
  EXPECT_EQ(matched("**/{stem}.{ending}", "c.gz"), "c gz");
  EXPECT_EQ(matched("{a}-[0-9]*.{b,c}", "x-y-7z.c"), "x-y");
  EXPECT_EQ(matched("{a}-[0-9]*.{b,c}", "x-y.c"), "no");
  EXPECT_EQ(matched("{a}/**", "x/y/z"), "x");
  EXPECT_EQ(matched("{a}/**/k", "x/k"), "x");
  EXPECT_EQ(matched("\\{a\\}{b}", "{a}q"), "q");
  EXPECT_EQ(matched("{a}_{b}", "1_2_3"), "1 2_3");
}

TEST(PathPattern, SaysWhatIsWrong) {
  const auto wrong = [](const std::string& pattern) {
    return names_in_path_pattern(pattern).error().message;
  };
  EXPECT_THAT(wrong("{a"), HasSubstr("has a '{' without a '}'"));
  EXPECT_THAT(wrong("{}/x"), HasSubstr("has '{}'"));
  EXPECT_THAT(wrong("{a}/{a}"), HasSubstr("has the name 'a' twice"));
  EXPECT_THAT(wrong("{a}{b}"), HasSubstr("has 'b' directly behind another name"));
  EXPECT_THAT(wrong("{x,{a}}"), HasSubstr("has braces inside of {a,b}"));
  EXPECT_THAT(wrong("{a*}"), HasSubstr("has the name 'a*'"));
  EXPECT_EQ(names_in_path_pattern("{a}/{x,y}/{b}.csv").value(), (std::vector<std::string>{"a", "b"}));
}

TEST(PathKeys, FoldersGiveKeysAndFilesDoNot) {
  const auto keys = PathKeys::of(Input{});
  ASSERT_TRUE(keys.ok());
  std::string text;
  const auto found = keys->in("a=1/x/b=%C3%A9%3A%/c=__HIVE_DEFAULT_PARTITION__/=4/d=/e=5");
  ASSERT_TRUE(found.has_value());
  for (const PathKey& key : *found) text += key.name + ":" + key.text.value_or("(missing)") + " ";
  EXPECT_EQ(text, "a:1 b:\xC3\xA9:% c:(missing) d: ");
}

TEST(KeyValue, EqualUnderItsType) {
  using enum KeyType;
  EXPECT_EQ(canonical_key("1.0", kFloat64), canonical_key("01", kFloat64));
  EXPECT_EQ(canonical_key("-0.0", kFloat64), canonical_key("0", kFloat64));
  EXPECT_EQ(canonical_key("1e400", kFloat64), canonical_key("inf", kFloat64));
  EXPECT_EQ(canonical_key(" +7", kInt64), "7");
  EXPECT_EQ(canonical_key("-9223372036854775808", kInt64), "-9223372036854775808");
  EXPECT_EQ(canonical_key("9223372036854775808", kInt64), std::nullopt);
  EXPECT_EQ(canonical_key("9223372036854775808", kUint64), "9223372036854775808");
  EXPECT_EQ(canonical_key("9007199254740993", kInt64), "9007199254740993");
  EXPECT_EQ(canonical_key("TRUE", kBool), "true");
  EXPECT_EQ(canonical_key("yes", kBool), std::nullopt);
  EXPECT_EQ(canonical_key("01", kText), "01");
  EXPECT_EQ(canonical_keys({"1.0", "x", std::nullopt, "nan"}, {kFloat64, kInt64, kText, kFloat64}),
            (KeyTexts{"1", "x", std::nullopt, std::nullopt}));
}

TEST(KeyValue, WhatMayBeEqualUnderAnyTypeIsSpreadAlike) {
  EXPECT_EQ(loose_key("1"), loose_key("+1.0e0"));
  EXPECT_EQ(loose_key("true"), loose_key("TRUE"));
  EXPECT_NE(loose_key("a"), loose_key("b"));
}

KeyType inferred(std::initializer_list<const char*> texts) {
  KeyTypeInference inference;
  for (const char* text : texts) inference.add(text);
  return inference.type();
}

TEST(KeyValue, TypesAreInferredAsPandasDoes) {
  using enum KeyType;
  EXPECT_EQ(inferred({"1", "02", "-3"}), kInt64);
  EXPECT_EQ(inferred({"1", "2.5"}), kFloat64);
  EXPECT_EQ(inferred({"1", "18446744073709551615"}), kUint64);
  EXPECT_EQ(inferred({"-1", "18446744073709551615"}), kText);
  EXPECT_EQ(inferred({"1", "99999999999999999999"}), kText);
  EXPECT_EQ(inferred({"True", "false"}), kBool);
  EXPECT_EQ(inferred({"True", "1"}), kText);
  EXPECT_EQ(inferred({"a", "1"}), kText);
  EXPECT_EQ(inferred({}), kText);
}

TEST(KeyValue, PackedTextsSortAsTheirValuesDo) {
  using namespace std::string_literals;
  const std::vector<KeyTexts> sorted = {{"", "z"},     {"a", "b"},         {"a", std::nullopt},
                                        {"a\0"s, "a"}, {"a\0\0"s, "a"},    {"a\1"s, "a"},
                                        {"ab", ""},    {std::nullopt, "a"}};
  for (std::size_t i = 1; i < sorted.size(); ++i) EXPECT_LT(packed(sorted[i - 1]), packed(sorted[i])) << i;
}

TEST(KeyedBatch, ReadsWhatItWrites) {
  KeyedBatch batch;
  batch.keys = {{"k", true, KeyType::kFloat64, false, "1.0"}, {"l", false, KeyType::kText, true, ""}};
  batch.place = KeyedBatch::Place::kGroups;
  batch.pieces = {"one", "two"};
  batch.origins_offset = 7;
  batch.origins_length = 9;
  const std::string bytes = encode(batch);
  const auto read = decode_keyed_batch(bytes);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(encode(*read), bytes);
  EXPECT_EQ(canonical_keys(*read), (KeyTexts{"1", std::nullopt}));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_keyed_batch(bytes.substr(0, size)).ok()) << size;
  EXPECT_FALSE(decode_keyed_batch(bytes + "x").ok());
}

}  // namespace
}  // namespace parallelrun
