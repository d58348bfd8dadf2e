#include "runner/input/json_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/json/json.h"
#include "runner/input/glob.h"
#include "runner/input/line_scan.h"
#include "runner/input/slice_hash.h"
#include "runner/input/slice_sample.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using test::TemporaryDirectory;
using Check = FileSlice::Check;

const JsonLinesFormat kFormat{Input{}};

std::vector<FileSlice> cut_lines(const std::string& path, std::uint64_t bytes) {
  const auto cutter = kFormat.slices(bytes);
  cutter->start(path);
  std::vector<FileSlice> slices;
  while (auto slice = cutter->next()) slices.push_back(*std::move(slice));
  return slices;
}

struct Expected {
  std::string text;
  std::uint64_t first_row;
  std::uint64_t records;
};

void expect_slices(const std::string& content, std::uint64_t bytes, const std::vector<Expected>& expected) {
  SCOPED_TRACE(content);
  TemporaryDirectory root;
  const std::string path = root.write("a.jsonl", content);
  const auto slices = cut_lines(path, bytes);
  ASSERT_EQ(slices.size(), expected.size());
  for (std::size_t i = 0; i < slices.size(); ++i) {
    EXPECT_EQ(content.substr(slices[i].offset, slices[i].length), expected[i].text);
    EXPECT_EQ(slices[i].first_row, expected[i].first_row);
    EXPECT_EQ(slices[i].records, expected[i].records);
    EXPECT_EQ(slices[i].check, Check::kBytes);
    EXPECT_EQ(slices[i].hash, slice_hash(expected[i].text));
    EXPECT_EQ(slices[i].header, "");
    // From each of them on, the rest is the same.
    const auto cutter = kFormat.slices(bytes);
    cutter->resume_after(slices[i]);
    for (std::size_t k = i + 1; k < slices.size(); ++k) {
      const auto again = cutter->next();
      ASSERT_TRUE(again.has_value());
      EXPECT_EQ(encode(kFormat.kind(), *again), encode(kFormat.kind(), slices[k]));
    }
    EXPECT_FALSE(cutter->next().has_value());
  }
}

TEST(JsonLinesCutter, CutsAtLineEndsAndCountsWhatIsNotBlank) {
  expect_slices("{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", 1,
                {{"{\"a\":1}\n", 1, 1}, {"{\"a\":2}\n", 2, 1}, {"{\"a\":3}\n", 3, 1}});
  expect_slices("{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", 9,
                {{"{\"a\":1}\n{\"a\":2}\n", 1, 2}, {"{\"a\":3}\n", 3, 1}});
  expect_slices("{}\n{}", 1, {{"{}\n", 1, 1}, {"{}", 2, 1}});              // no last line break
  expect_slices("{}\r\n{}\r\n", 1, {{"{}\r\n", 1, 1}, {"{}\r\n", 2, 1}});  // CR LF
  expect_slices("\n \t\r\n{}\n\n{}\n\n \n", 1, {{"\n \t\r\n{}\n", 3, 1}, {"\n{}\n\n \n", 5, 1}});
  expect_slices("{\"a\":\"\xC3\xA4\\n\"}\n{}\n", 1, {{"{\"a\":\"\xC3\xA4\\n\"}\n", 1, 1}, {"{}\n", 2, 1}});
  expect_slices("{}\n{}\n", 1000, {{"{}\n{}\n", 1, 2}});
}

TEST(JsonLinesCutter, LinesLongerThanAnyBufferStayWhole) {
  const std::string line = "{\"a\":\"" + std::string(700'000, 'x') + "\"}\n";
  expect_slices(line + line + "{}\n", 1000, {{line, 1, 1}, {line, 2, 1}, {"{}\n", 3, 1}});
}

TEST(JsonLinesCutter, AByteOrderMarkIsNoPartOfTheFirstLine) {
  TemporaryDirectory root;
  const auto slices = cut_lines(root.write("a.jsonl", "\xEF\xBB\xBF{}\n{}\n"), 1);
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(slices[0].offset, 3U);
  EXPECT_EQ(slices[0].first_row, 1U);
}

TEST(JsonLinesCutter, WhatIsNotCutComesWhole) {
  TemporaryDirectory root;
  struct Case {
    std::string content;
    std::uint64_t records;
    Check check;
  };
  const Case cases[] = {{"\x1f\x8b\x08zzz", 0, Check::kEnds},
                        {"PAR1....", 1, Check::kBytes},
                        {" [\n{},\n{}]\n", 1, Check::kBytes},
                        {std::string("\xFF\xFE{\0}\0\n\0", 8), 1, Check::kBytes}};
  for (const Case& one : cases) {
    SCOPED_TRACE(one.content);
    const auto slices = cut_lines(root.write("a", one.content), 1);
    ASSERT_EQ(slices.size(), 1U);
    EXPECT_EQ(slices[0].length, one.content.size());
    EXPECT_EQ(slices[0].records, one.records);
    EXPECT_EQ(slices[0].check, one.check);
  }
  const auto missing = cut_lines(root / "missing", 1);
  ASSERT_EQ(missing.size(), 1U);
  EXPECT_EQ(missing[0].check, Check::kSize);
  EXPECT_EQ(missing[0].records, 1U);
}

TEST(JsonLinesCutter, AFileWithoutRecordsGivesNone) {
  TemporaryDirectory root;
  for (const char* content : {"", "\n", " \r\n\t\n  "}) {
    const auto cutter = kFormat.slices(1);
    cutter->start(root.write("a", content));
    EXPECT_FALSE(cutter->next().has_value());
    EXPECT_EQ(cutter->without_records(), PassedKind::kEmptyTable);
  }
}

TEST(JsonLinesCutter, AFileThatHasChangedIsNotGoneOnWith) {
  TemporaryDirectory root;
  const std::string path = root.write("a", "{\"a\":1}\n{\"a\":2}\n");
  const FileSlice first = cut_lines(path, 1).front();
  for (const char* content : {"{\"a\":7}\n{\"a\":2}\n", "{\"a\":1}\n{\"a\":2}\n{}\n"}) {
    root.write("a", content);
    const auto cutter = kFormat.slices(1);
    cutter->resume_after(first);
    const auto rest = cutter->next();
    ASSERT_TRUE(rest.has_value());
    EXPECT_EQ(rest->check, Check::kChanged);
  }
}

TEST(JsonLinesFormat, PiecesOfALargeFileAreRecordsOfIt) {
  TemporaryDirectory root;
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "{\"id\": " + std::to_string(i) + "}\n";
  SliceSampleOptions options;
  options.piece_bytes = 500;
  options.total_bytes = 20'000;
  const auto slices = sample_slices({root.write("a", text)}, kFormat, options);
  ASSERT_GT(slices.size(), 10U);
  EXPECT_EQ(slices.front().offset, 0U);
  EXPECT_EQ(slices.back().offset + slices.back().length, text.size());
  for (const FileSlice& slice : slices) {
    const std::string piece = text.substr(slice.offset, slice.length);
    EXPECT_TRUE(slice.offset == 0 || text[slice.offset - 1] == '\n');
    EXPECT_TRUE(piece.ends_with('\n'));
    EXPECT_EQ(slice.records, count_lines(piece));
  }
  EXPECT_FALSE(kFormat.records_in("no end of a line", {}, false));
  EXPECT_FALSE(kFormat.records_in("end\n \n", {}, true));
}

TEST(JsonLinesFormat, TakesItsEndings) {
  const auto glob = Glob::compile(kFormat.default_glob());
  ASSERT_TRUE(glob.ok());
  for (const char* name : {"a.jsonl", "b/c.NDJSON", "d.jsonl.gz", "e.ndjson.GZ"})
    EXPECT_TRUE(glob->matches(name));
  for (const char* name : {"a.json", "b.csv", "jsonl", "c.jsonl.txt"}) EXPECT_FALSE(glob->matches(name));
}

}  // namespace
}  // namespace parallelrun
