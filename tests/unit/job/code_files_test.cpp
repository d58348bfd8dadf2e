#include "runner/job/code_files.h"

#include <gmock/gmock.h>

#include <string>

namespace parallelrun {
namespace {

using testing::Eq;
using testing::Optional;

const CodeFiles kFirst = {{"digit.py", "1"}, {"model.bin", "2"}, {"pack/a.py", "3"}};

std::optional<std::string> difference(const CodeFiles& now) {
  return code_difference(recorded_code(kFirst), now);
}

CodeFiles with(CodeFiles files, const std::string& name, const std::string& digest = "new") {
  files[name] = digest;
  return files;
}

TEST(CodeFiles, WhatTheScriptWritesIsNotCode) {
  EXPECT_EQ(difference(kFirst), std::nullopt);
  for (const char* name : {"progress.log", "cache.bin", "lightning_logs/version_0/hparams.yaml", "a.pyc",
                           "py", "x.py.bak", "a.so.tmp"}) {
    EXPECT_EQ(difference(with(kFirst, name)), std::nullopt) << name;
  }
}

TEST(CodeFiles, RecordedFilesAndNewCodeCount) {
  EXPECT_THAT(difference(with(kFirst, "digit.py")), Optional(Eq("digit.py changed")));
  EXPECT_THAT(difference(with(kFirst, "model.bin")), Optional(Eq("model.bin changed")));
  for (const char* name : {"extra.py", "pack/b.pyi", "native.cpython-311-x86_64-linux-gnu.so"}) {
    EXPECT_THAT(difference(with(kFirst, name)), Optional(Eq(std::string(name) + " is new")));
  }
  CodeFiles now = with(with(kFirst, "digit.py"), "extra.py");
  now.erase("model.bin");
  EXPECT_THAT(difference(now), Optional(Eq("digit.py changed, model.bin is gone, extra.py is new")));
}

TEST(CodeFiles, NamesFiveFiles) {
  CodeFiles now = kFirst;
  for (char c = 'a'; c <= 'e'; ++c) now[std::string(1, c) + ".py"] = "new";
  EXPECT_THAT(difference(now),
              Optional(Eq("a.py is new, b.py is new, c.py is new, d.py is new, e.py is new")));
  EXPECT_THAT(
      difference(with(with(now, "f.py"), "model.bin")),
      Optional(Eq("model.bin changed, a.py is new, b.py is new, c.py is new, d.py is new and 2 more")));
}

TEST(CodeFiles, BeyondTheMostTheyAreOneDigest) {
  const CodeFiles first = {{"a.bin", "1"}, {"k.bin", "2"}, {"m.bin", "3"}, {"x.bin", "4"}, {"z.py", "5"}};
  const RecordedCode before = recorded_code(first, 3);
  EXPECT_EQ(before.files, (CodeFiles{{"a.bin", "1"}, {"k.bin", "2"}, {"z.py", "5"}})) << "code comes first";
  const std::string beyond = "a file beyond the first 3 changed, is gone or is new";
  EXPECT_EQ(code_difference(before, first), std::nullopt);
  EXPECT_EQ(code_difference(before, with(first, "b.log")), std::nullopt) << "pushes no file over the edge";
  EXPECT_THAT(code_difference(before, with(first, "x.bin")), Optional(Eq(beyond)));
  EXPECT_THAT(code_difference(before, with(first, "y.log")), Optional(Eq(beyond)));
  EXPECT_THAT(code_difference(before, with(first, "b.py")), Optional(Eq("b.py is new")));
  CodeFiles now = first;
  now.erase("m.bin");
  EXPECT_THAT(code_difference(before, now), Optional(Eq(beyond)));
  now = first;
  now.erase("k.bin");  // the last recorded one: the edge stays where it was
  EXPECT_THAT(code_difference(before, now), Optional(Eq("k.bin is gone")));

  const RecordedCode whole = recorded_code(first, 5);
  EXPECT_EQ(whole.rest, "");
  EXPECT_EQ(code_difference(whole, with(first, "a.log")), std::nullopt);
}

TEST(CodeFiles, ComeBackFromJsonAndNothingElseDoes) {
  for (const std::size_t most : {std::size_t{2}, std::size_t{3}}) {
    const RecordedCode code = recorded_code(kFirst, most);
    EXPECT_THAT(recorded_code_from_json(nlohmann::json::parse(to_json(code).dump(2))), Optional(Eq(code)));
  }
  for (const char* text :
       {"null", "\"abc\"", "[]", "{}", "{\"files\": []}", "{\"files\": {\"a.py\": 1}}",
        "{\"files\": {}, \"rest\": null}", "{\"files\": {}, \"more\": 1}", "{\"rest\": \"a\"}"}) {
    EXPECT_EQ(recorded_code_from_json(nlohmann::json::parse(text)), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace parallelrun
