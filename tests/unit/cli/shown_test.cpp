#include "runner/cli/shown.h"

#include <gtest/gtest.h>

namespace parallelrun {
namespace {

TEST(Table, ColumnsAreAsWideAsTheirLongestCell) {
  EXPECT_EQ(table({"A", "BB"}, {{"long", "x"}, {"\xc3\xa9", "y"}}, 0), "A     BB\nlong  x\n\xc3\xa9     y\n");
}

TEST(Table, TheLastColumnIsCutToTheTerminal) {
  EXPECT_EQ(table({}, {{"name", "0123456789"}}, 12), "name  012...\n");
  EXPECT_EQ(table({}, {{"name", "012345"}}, 12), "name  012345\n");
  EXPECT_EQ(table({}, {{"name", "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"}}, 10), "name  \xc3\xa9...\n");
  EXPECT_EQ(table({}, {{"a much too long name", "x"}}, 10), "a much too long name\n");
}

TEST(Table, NothingInACellSteersTheTerminal) {
  EXPECT_EQ(table({}, {{"a\nb\x1b[31m"}}, 0), "a\\nb\\x1b[31m\n");
}

TEST(CsvLine, QuotesWhatNeedsIt) {
  EXPECT_EQ(csv_line({"a", "b,c", "d\"e", "f\ng", ""}), "a,\"b,c\",\"d\"\"e\",\"f\ng\",\n");
}

TEST(DocumentText, YamlReadsBackAsTheSameTypes) {
  const nlohmann::ordered_json document = {
      {"text", "no"}, {"number", 3}, {"list", {1.5, true, nullptr}}, {"empty", ""}};
  EXPECT_EQ(document_text(document, Form::kYaml),
            "text: \"no\"\nnumber: 3\nlist:\n  - 1.5\n  - true\n  - ~\nempty: \"\"\n");
}

TEST(ShortAge, HasTheLargestUnitAlone) {
  EXPECT_EQ(short_age(59), "59 s");
  EXPECT_EQ(short_age(60), "1 min");
  EXPECT_EQ(short_age(7200), "2 h");
  EXPECT_EQ(short_age(172799), "1 d");
}

TEST(ShortSize, HasOneUnit) {
  EXPECT_EQ(short_size(1023), "1023 B");
  EXPECT_EQ(short_size(1536), "1.5 kB");
  EXPECT_EQ(short_size(std::uint64_t{3} << 30U), "3.0 GB");
}

}  // namespace
}  // namespace parallelrun
