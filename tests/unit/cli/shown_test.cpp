#include "runner/cli/shown.h"

#include <gtest/gtest.h>

namespace parallelrun {
namespace {

TEST(Table, ColumnsAreAsWideAsTheirLongestCell) {
  EXPECT_EQ(table({"A", "BB"}, {{"long", "x"}, {"\xc3\xa9", "y"}}, {}),
            "A     BB\nlong  x\n\xc3\xa9     y\n");
}

TEST(Table, TheLastColumnIsCutFirst) {
  EXPECT_EQ(table({"N", "P"}, {{"name", "0123456789abcdef"}}, {18, false}), "N     P\nname  012345678...\n");
  EXPECT_EQ(table({"N", "P"}, {{"name", "0123456789ab"}}, {18, false}), "N     P\nname  0123456789ab\n");
  EXPECT_EQ(
      table({"N", "P"},
            {{"name",
              "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"}},
            {16, false}),
      "N     P\nname  \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9...\n");
}

TEST(Table, ThenTheWidestOneAndNoneToLessThanItsHeadOrTenCells) {
  const std::vector<std::vector<std::string>> rows = {{"a much too long name", "0123456789abcdef"}};
  EXPECT_EQ(table({"NAME", "PLACE"}, rows, {24, false}), "NAME          PLACE\na much to...  0123456...\n");
  EXPECT_EQ(table({"NAME", "PLACE"}, rows, {22, false}), "NAME        PLACE\na much ...  0123456...\n");
}

TEST(Table, WhereThatDoesNotFitEachRowHasLinesOfItsOwn) {
  const std::vector<std::vector<std::string>> rows = {{"a much too long name", "0123456789abcdef"},
                                                      {"b", ""}};
  EXPECT_EQ(table({"NAME", "PLACE"}, rows, {21, false}),
            "NAME   a much too ...\nPLACE  0123456789a...\n\nNAME   b\n");
}

TEST(Table, ColoursTakeNoCellOfTheScreen) {
  const std::vector<std::vector<std::string>> rows = {
      {"Failed", "0", "x"}, {"Complete", "12", "y"}, {"Odd", "", "z"}};
  EXPECT_EQ(table({"STATE", "FAILED ITEMS", "NAME"}, rows, {80, true}),
            "STATE     FAILED ITEMS  NAME\n"
            "\x1b[31mFailed\x1b[0m    0             x\n"
            "\x1b[32mComplete\x1b[0m  \x1b[33m12\x1b[0m            y\n"
            "Odd                     z\n");
}

TEST(Table, NothingInACellSteersTheTerminal) {
  EXPECT_EQ(table({}, {{"a\nb\x1b[31m"}}, {}), "a\\nb\\x1b[31m\n");
}

TEST(Marked, TheStateOfTheFirstLineAndWordsThatAskForALook) {
  EXPECT_EQ(marked("digits: Failed (Aborted): Complete\n  first error: x\n  warning: y\n", true),
            "digits: \x1b[31mFailed\x1b[0m (Aborted): Complete\n  \x1b[31mfirst error\x1b[0m: x\n"
            "  \x1b[33mwarning:\x1b[0m y\n");
  EXPECT_EQ(marked("Complete, 3 of 9 items failed\n", true),
            "\x1b[33mComplete\x1b[0m, 3 of 9 items failed\n");
  EXPECT_EQ(marked("digits: Complete (CompletedWithFailures): 3 of 9 items failed", true),
            "digits: \x1b[33mComplete\x1b[0m (CompletedWithFailures): 3 of 9 items failed");
  EXPECT_EQ(marked("Complete\n", true), "\x1b[32mComplete\x1b[0m\n");
  EXPECT_EQ(marked("warning: Failed", true), "\x1b[33mwarning:\x1b[0m Failed");
  EXPECT_EQ(marked("nothing of that\n", true), "nothing of that\n");
  EXPECT_EQ(marked("Failed\n  warning: y\n", false), "Failed\n  warning: y\n");
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
