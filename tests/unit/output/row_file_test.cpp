// What each output format makes of the rows of mini-batches.
#include "runner/output/row_file.h"

#include <gtest/gtest.h>

#include "runner/output/checksum.h"
#include "tests/unit/orchestrator/memory_storage.h"

namespace parallelrun {
namespace {

class Rows {
 public:
  explicit Rows(OutputFormat format) : file_(row_file_maker(format)(storage_.open("rows").value())) {}

  Result<Appended> append(const std::vector<std::string>& rows) { return file_->append(rows); }
  RowFile& file() { return *file_; }
  const std::string& content() { return storage_.at("rows"); }

 private:
  orchestrator::MemoryStorage storage_;
  std::unique_ptr<RowFile> file_;
};

TEST(RowFile, OfTextTakesLinesAndEndsEachMiniBatchWithALineBreak) {
  Rows rows(OutputFormat::kText);
  const auto first = rows.append({"a\nb\n", "", "c"});
  ASSERT_TRUE(first);
  EXPECT_EQ(rows.content(), "a\nb\nc\n");
  EXPECT_EQ(first->length, 6U);
  EXPECT_EQ(first->checksum, checksum("a\nb\nc\n"));
  const auto second = rows.append({"d\n"});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->length, 2U);
  EXPECT_EQ(second->checksum, checksum("d\n")) << "of what was added alone";
  const std::string before = rows.content();
  EXPECT_TRUE(rows.file().seal());
  EXPECT_EQ(rows.content(), before);
}

TEST(RowFile, OfTextTakesLargeAndSmallPiecesInTheirOrder) {
  const std::string large(3U << 20U, 'x');
  Rows rows(OutputFormat::kText);
  const auto added = rows.append({"a\n", large, "b\n"});
  ASSERT_TRUE(added);
  const std::string expected = "a\n" + large + "\nb\n";
  EXPECT_EQ(rows.content(), expected);
  EXPECT_EQ(added->length, expected.size());
  EXPECT_EQ(added->checksum, checksum(expected));
}

TEST(RowFile, OfJsonlTakesAValueOnEachLine) {
  Rows rows(OutputFormat::kJsonl);
  const std::string lines = "{\"a\":1}\n[]\n\"x\"\n-1.5e+300\n0\ntrue\nfalse\nnull\n{}\n";
  const auto added = rows.append({lines, "", "7\n"});
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ(rows.content(), lines + "7\n");
  EXPECT_EQ(added->length, lines.size() + 2);
  EXPECT_EQ(added->checksum, checksum(lines + "7\n"));
  EXPECT_TRUE(rows.file().seal());
  EXPECT_EQ(rows.content(), lines + "7\n");
}

TEST(RowFile, OfJsonlRefusesLinesThatAreNoValueBeforeItWritesAnything) {
  for (const char* wrong :
       {"{\"a\":1}", "\n", "f000001.txt\n", "a.png: 7\n", "{\"a\":1\n", "[1\n", "\"x\n", "\"\n", "{\n",
        "NaN\n", "-Infinity\n", "True\n", "1\n\n2\n", "1\n2\n{\"a\"", " 1\n", "1 \n"}) {
    Rows rows(OutputFormat::kJsonl);
    const auto added = rows.append({"{}\n", wrong});
    ASSERT_FALSE(added) << wrong;
    EXPECT_EQ(added.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(added.error().message.find("output.format is jsonl"), std::string::npos);
    EXPECT_EQ(rows.content(), "") << wrong;
  }
}

}  // namespace
}  // namespace parallelrun
