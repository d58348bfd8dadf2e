#include "common/spec/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace parallelrun {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json value_of(const std::string& scalar) {
  Problems problems;
  Document document = parse_document("v: " + scalar + "\n", ManifestFormat::kYaml, problems);
  EXPECT_TRUE(problems.empty()) << scalar << ": " << to_string(problems.list().front());
  return problems.empty() ? document.root["v"] : json();
}

// As a Kubernetes client converts them (YAML 1.1 booleans and octals, 1.2 octals, no dates, no base 60).
TEST(YamlScalars, AreConvertedAsByAKubernetesClient) {
  for (const char* text : {"y", "Y", "yes", "Yes", "YES", "on", "On", "true", "TRUE"})
    EXPECT_EQ(value_of(text), true);
  for (const char* text : {"n", "N", "no", "No", "NO", "off", "OFF", "false"})
    EXPECT_EQ(value_of(text), false);
  for (const char* text : {"", "~", "null", "NULL"}) EXPECT_TRUE(value_of(text).is_null()) << text;
  const std::vector<std::pair<const char*, json>> numbers = {
      {"0", 0},
      {"+7", 7},
      {"-7", -7},
      {"010", 8},
      {"0o10", 8},
      {"-010", -8},
      {"0x1F", 31},
      {"0b101", 5},
      {"1_000", 1000},
      {"08", 8.0},
      {"1.0", 1.0},
      {".5", 0.5},
      {"1e3", 1000.0},
      {"1E-2", 0.01},
      {"-1.", -1.0},
      {"9223372036854775807", INT64_MAX},
      {"-9223372036854775808", INT64_MIN},
      {"18446744073709551615", UINT64_MAX},
      {"18446744073709551616", 18446744073709551616.0}};
  for (const auto& [text, number] : numbers) {
    EXPECT_EQ(value_of(text), number) << text;
    EXPECT_EQ(value_of(text).is_number_float(), number.is_number_float()) << text;
  }
  for (const char* text : {"yEs", "nUll", "1e", "0x", "0xg", "1.2.3", "+", ".", "--x", "2001-12-14",
                           "12:30:45", "1024KB", "127.0.0.1", "-a", "_", "-_"}) {
    EXPECT_EQ(value_of(text), text);
  }
  for (const char* text : {"yes", "1", "null", ""}) {
    EXPECT_EQ(value_of(std::string("'") + text + "'"), text);
    EXPECT_EQ(value_of(std::string("\"") + text + "\""), text);
    EXPECT_EQ(value_of(std::string("!!str '") + text + "'"), text);
  }
  EXPECT_EQ(value_of("|\n  1"), "1\n");
}

TEST(YamlDocument, KeysThatWouldChangeAreRefused) {
  for (const char* key : {"yes", "n", "~", "0x10", "1.5", "010"}) {
    Problems problems;
    parse_document(std::string("a: 1\n") + key + ": 2\n", ManifestFormat::kYaml, problems);
    ASSERT_EQ(problems.size(), 1U) << key;
    EXPECT_THAT(problems.list()[0].message, HasSubstr("put it in quotes"));
    EXPECT_EQ(problems.list()[0].line, 2);
  }
  Problems problems;
  EXPECT_EQ(parse_document("{1: a, -2: b, 'yes': c}", ManifestFormat::kYaml, problems).root,
            json({{"1", "a"}, {"-2", "b"}, {"yes", "c"}}));
  EXPECT_TRUE(problems.empty());
}

TEST(YamlDocument, MergeKeysYieldToWhatIsWritten) {
  Problems problems;
  const Document document = parse_document(
      "a: &a {x: 1, w: 1}\nb: &b {w: 2, z: 2}\nc: {<<: [*a, *b], z: 3}\nd:\n  <<: *b\n  v: 4\n",
      ManifestFormat::kYaml, problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(document.root["c"], json({{"x", 1}, {"w", 1}, {"z", 3}}));
  EXPECT_EQ(document.root["d"], json({{"w", 2}, {"z", 2}, {"v", 4}}));
  Problems wrong;
  parse_document("a: {<<: 1}", ManifestFormat::kYaml, wrong);
  EXPECT_FALSE(wrong.empty());
}

TEST(YamlDocument, AliasesCannotMultiply) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 20; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) text += (k > 0 ? ", " : "") + before;
    text += "]\n";
  }
  Problems problems;
  const auto start = std::chrono::steady_clock::now();
  parse_document(text, ManifestFormat::kYaml, problems);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_THAT(problems.list()[0].message, testing::AnyOf(HasSubstr("too large"), HasSubstr("too much")));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));

  Problems strings;  // few nodes, much text
  text = "a: &a " + std::string(500'000, 'x') + "\nb: [";
  for (int i = 0; i < 100; ++i) text += "*a, ";
  parse_document(text + "]\n", ManifestFormat::kYaml, strings);
  ASSERT_EQ(strings.size(), 1U);
  EXPECT_THAT(strings.list()[0].message, HasSubstr("too large"));
}

// Each of these once kept yaml-cpp 0.7 in place for ever.
TEST(YamlDocument, StrayBracketsEnd) {
  for (const char* text : {"]", "}", "a: 1\n]", "{a: 1} ]", "--- ]\n---\n", "[a] }", ",", "- a\n}"}) {
    Problems problems;
    parse_document(text, ManifestFormat::kYaml, problems);
    EXPECT_FALSE(problems.empty()) << text;
  }
}

TEST(Documents, DepthIsBounded) {
  for (const ManifestFormat format : {ManifestFormat::kYaml, ManifestFormat::kJson}) {
    for (const std::size_t depth : {kMaxManifestDepth, kMaxManifestDepth + 1, std::size_t{300'000}}) {
      Problems problems;
      parse_document(std::string(depth, '[') + std::string(depth, ']'), format, problems);
      EXPECT_EQ(problems.empty(), depth == kMaxManifestDepth) << depth;
    }
  }
}

TEST(Documents, LinesOfFields) {
  Problems problems;
  const Document document = parse_document("spec:\n  inputs:\n  - name: a\n    glob: x\n  - name: b\n",
                                           ManifestFormat::kYaml, problems);
  EXPECT_EQ(document.line_of("spec.inputs[0].glob"), 4);
  EXPECT_EQ(document.line_of("spec.inputs[1]"), 5);
  EXPECT_EQ(document.line_of("spec.inputs[1].source.nfs"), 5);
  EXPECT_EQ(document.line_of("nothing"), 0);
}

TEST(Documents, SyntaxErrorsNameTheirLine) {
  for (const auto& [text, line] : {std::pair{"a: 1\nb: [\n", 3}, std::pair{"a: 1\n\tb: 2\n", 2}}) {
    Problems problems;
    parse_document(text, ManifestFormat::kYaml, problems);
    ASSERT_EQ(problems.size(), 1U) << text;
    EXPECT_GE(problems.list()[0].line, line - 1) << problems.list()[0].message;
  }
  Problems problems;
  parse_document("{\"a\": 1,\n\"b\": x}", ManifestFormat::kJson, problems);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems.list()[0].line, 2);
}

}  // namespace
}  // namespace parallelrun
