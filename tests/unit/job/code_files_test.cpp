#include "runner/job/code_files.h"

#include <gmock/gmock.h>

#include <string>

namespace parallelrun {
namespace {

using testing::Eq;
using testing::Optional;

const CodeFiles kFirst = {{"digit.py", "1"}, {"model.py", "2"}, {"pack/a.py", "3"}};

std::optional<std::string> difference(const CodeFiles& now) {
  return code_difference(recorded_code(kFirst), now);
}

CodeFiles with(CodeFiles files, const std::string& name, const std::string& digest = "new") {
  files[name] = digest;
  return files;
}

TEST(CodeFiles, WhatChangedVanishedOrIsNewCounts) {
  EXPECT_EQ(difference(kFirst), std::nullopt);
  EXPECT_THAT(difference(with(kFirst, "digit.py")), Optional(Eq("digit.py changed")));
  EXPECT_THAT(difference(with(kFirst, "extra.py")), Optional(Eq("extra.py is new")));
  CodeFiles now = with(with(kFirst, "digit.py"), "extra.py");
  now.erase("model.py");
  EXPECT_THAT(difference(now), Optional(Eq("digit.py changed, model.py was removed, extra.py is new")));
  EXPECT_THAT(code_difference(kFirst, now),
              Optional(Eq("digit.py changed, model.py was removed, extra.py is new")));
}

TEST(CodeFiles, WhatLiesBesideTheCodeIsToldApart) {
  const RecordedCode before = recorded_code(kFirst, {{"table.csv", "1"}, {"model.bin", "2"}});
  EXPECT_EQ(others_difference(before, {{"table.csv", "1"}, {"model.bin", "2"}}), std::nullopt);
  EXPECT_THAT(others_difference(before, {{"table.csv", "9"}, {"cache.json", "1"}}),
              Optional(Eq("table.csv changed, model.bin was removed, cache.json is new")));
  EXPECT_EQ(code_difference(before, kFirst), std::nullopt);
}

TEST(CodeFiles, NamesFiveFiles) {
  CodeFiles now = kFirst;
  for (char c = 'a'; c <= 'e'; ++c) now[std::string(1, c) + ".py"] = "new";
  EXPECT_THAT(difference(now),
              Optional(Eq("a.py is new, b.py is new, c.py is new, d.py is new, e.py is new")));
  EXPECT_THAT(
      difference(with(with(now, "f.py"), "model.py")),
      Optional(Eq("model.py changed, a.py is new, b.py is new, c.py is new, d.py is new and 2 more")));
}

TEST(CodeFiles, BeyondTheMostTheyAreOneDigest) {
  const CodeFiles first = {{"a.py", "1"}, {"k.py", "2"}, {"m.py", "3"}, {"x.py", "4"}};
  const RecordedCode before = recorded_code(first, {}, 2);
  EXPECT_EQ(before.files, (CodeFiles{{"a.py", "1"}, {"k.py", "2"}}));
  const std::string beyond = "a file after the first 2 changed, was removed or is new";
  EXPECT_EQ(code_difference(before, first), std::nullopt);
  EXPECT_THAT(code_difference(before, with(first, "x.py")), Optional(Eq(beyond)));
  EXPECT_THAT(code_difference(before, with(first, "y.py")), Optional(Eq(beyond)));
  EXPECT_THAT(code_difference(before, with(first, "b.py")), Optional(Eq("b.py is new")));
  CodeFiles now = first;
  now.erase("m.py");
  EXPECT_THAT(code_difference(before, now), Optional(Eq(beyond)));
  now = first;
  now.erase("k.py");  // the last recorded one: the edge stays where it was
  EXPECT_THAT(code_difference(before, now), Optional(Eq("k.py was removed")));
  EXPECT_EQ(recorded_code(first, {}, 4).rest, "");
}

TEST(CodeFiles, ComeBackFromJsonAndNothingElseDoes) {
  for (const std::size_t most : {std::size_t{2}, std::size_t{3}}) {
    const RecordedCode code = recorded_code(kFirst, {{"a", "1"}, {"b", "2"}, {"c", "3"}}, most);
    EXPECT_THAT(recorded_code_from_json(nlohmann::json::parse(to_json(code).dump(2))), Optional(Eq(code)));
  }
  for (const char* text :
       {"null", "\"abc\"", "[]", "{}", "{\"files\": []}", "{\"files\": {}}",
        "{\"files\": {\"a.py\": 1}, \"others\": {}}", "{\"files\": {}, \"others\": {}, \"rest\": null}",
        "{\"files\": {}, \"others\": {}, \"more\": 1}", "{\"rest\": \"a\"}"}) {
    EXPECT_EQ(recorded_code_from_json(nlohmann::json::parse(text)), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace parallelrun
