// Dialects of CSV beyond delimiter and double quotes: where records end, which are blank, how they are cut.
#include "runner/input/csv_dialect.h"

#include <gtest/gtest.h>

#include <random>

#include "runner/input/csv_cutter.h"
#include "runner/input/csv_header.h"
#include "runner/input/csv_piece.h"
#include "runner/input/csv_record_scan.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

CsvDialect dialect(char delimiter, int quote, int escape, int comment) {
  CsvDialect made = delimiter;
  made.quote = quote;
  made.escape = escape;
  made.comment = comment;
  return made;
}

std::vector<FileSlice> cut(const std::string& content, const CsvFormat& format, std::uint64_t bytes = 1) {
  const test::TemporaryDirectory folder;
  const std::string file = folder.write("a.csv", content);
  CsvCutter cutter({format, bytes});
  cutter.start(file);
  std::vector<FileSlice> slices;
  while (auto slice = cutter.next()) slices.push_back(std::move(*slice));
  return slices;
}

TEST(CsvDialect, ARecordEndsOutsideQuotesEscapesAndComments) {
  const CsvFormat format{dialect(',', '\'', '\\', '#'), "utf-8", true};
  const std::string content =
      "# the header comes\n"
      "a,b\n"
      "1,'x\ny'\n"          // a quoted line break
      "2,x\\\ny\n"          // an escaped one
      "3,x # it's 'open\n"  // quotes in a comment
      "# a line of its own, 'open\n"
      "4,'it\\'s\n'\n";
  const std::vector<FileSlice> slices = cut(content, format);
  ASSERT_EQ(slices.size(), 4U);
  EXPECT_EQ(slices[0].header, "a,b\n");
  std::string together;
  for (const FileSlice& slice : slices) {
    EXPECT_EQ(slice.records, 1U);
    together += content.substr(slice.offset, slice.length);
  }
  EXPECT_EQ(together, content.substr(content.find("1,")));
  EXPECT_EQ(slices[3].first_row, 5U) << "the line of the comment is a row";
}

TEST(CsvDialect, WithoutAHeaderTheFirstRecordIsData) {
  const CsvFormat format{{}, "utf-8", false};
  const std::vector<FileSlice> slices = cut("\n1,2\n3,4\n", format);
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(slices[0].header, "1,2\n");
  EXPECT_EQ(slices[0].offset, 0U);
  EXPECT_EQ(slices[0].records, 1U);
  EXPECT_EQ(slices[1].first_row, 3U);
  EXPECT_EQ(cut("7", format).size(), 1U);
  EXPECT_TRUE(cut("\n \n", format).empty());
  ASSERT_EQ(cut("\xEF\xBB\xBF"
                "1\n2\n",
                format)
                .size(),
            2U);
  EXPECT_EQ(cut("\xEF\xBB\xBF"
                "1\n2\n",
                format)[0]
                .offset,
            3U);
}

TEST(CsvDialect, AnEscapeThatMayBeHalfACharacterIsNotSplit) {
  CsvFormat format{dialect(',', '"', '\\', CsvDialect::kNone), "shift_jis", true};
  EXPECT_EQ(layout_of(format), CsvLayout::kOpaque);
  format.dialect.escape = '!';
  EXPECT_EQ(layout_of(format), CsvLayout::kBytes);
}

TEST(CsvDialect, FieldsOfAHeader) {
  const CsvDialect all = dialect(';', '\'', '\\', '#');
  EXPECT_EQ(header_fields("'a;b';c\\;d;'it''s' # no;field\n", all),
            (std::vector<std::string>{"a;b", "c;d", "it's "}));
  EXPECT_EQ(count_fields("'a;b';c\\;d;e # no;field\n", all), 3U);
}

TEST(CsvDialect, PiecesOfAFileAreReadByTheSameGrammar) {
  const CsvDialect all = dialect(',', '\'', '\\', '#');
  const std::string piece = "y',2\n3,4 # x,y\n# 5,6,7\n5,'6\n,6'\n";
  const auto found = find_records(piece, all, 2, true);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(piece.substr(found->begin, found->end - found->begin), "3,4 # x,y\n# 5,6,7\n5,'6\n,6'\n");
  EXPECT_EQ(found->records, 2U);
}

// The fast kernels know any quote; what they mark is what the whole grammar says.
TEST(CsvDialect, KernelsFollowTheGrammarWithAnyQuote) {
  std::mt19937 random(7);
  static constexpr std::string_view kQuotes = "'`";
  static constexpr std::string_view kBytes = "ab ,'`\n\n\r";
  for (int round = 0; round < 300; ++round) {
    std::string content;
    for (std::size_t i = random() % 400; i > 0; --i) content += kBytes[random() % kBytes.size()];
    CsvDialect simple = ',';
    simple.quote = static_cast<unsigned char>(kQuotes[random() % kQuotes.size()]);
    CsvDialect same = simple;
    same.comment = 1;  // which no file has here: marked byte by byte
    ASSERT_TRUE(simple.is_simple() && !same.is_simple());
    const CsvFormat fast{simple, "utf-8", false};
    const CsvFormat exact{same, "utf-8", false};
    const std::vector<FileSlice> one = cut(content, fast, 1 + round % 9);
    const std::vector<FileSlice> other = cut(content, exact, 1 + round % 9);
    ASSERT_EQ(one.size(), other.size()) << content;
    for (std::size_t i = 0; i < one.size(); ++i) {
      EXPECT_EQ(one[i].length, other[i].length) << content;
      EXPECT_EQ(one[i].records, other[i].records) << content;
      EXPECT_EQ(one[i].first_row, other[i].first_row) << content;
    }
  }
}

}  // namespace
}  // namespace parallelrun
