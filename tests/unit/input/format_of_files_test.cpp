#include "runner/input/format_of_files.h"

#include <gtest/gtest.h>

#include <vector>

namespace parallelrun {
namespace {

Result<DataFormat> verdict(const std::vector<std::string>& names) {
  SeenEndings seen;
  for (const std::string& name : names) seen.add(name);
  return seen.verdict("'/in/'");
}

TEST(SeenEndings, FilesThatAgreeDecideTheFormat) {
  struct Case {
    std::vector<std::string> names;
    DataFormat format;
  };
  const std::vector<Case> cases = {
      {{"a.jsonl", "b/c.NDJSON", "d.jsonl.gz"}, DataFormat::kJsonLines},
      {{"a.parquet", "b.pq"}, DataFormat::kParquet},
      {{"a.tsv", "b.TSV.gz"}, DataFormat::kTsv},
      {{"a.csv.gz"}, DataFormat::kCsv},
      {{"_SUCCESS", "part-0.parquet", "readme.txt"}, DataFormat::kParquet},
      {{}, DataFormat::kCsv},
      {{"a.txt", "b.json", "jsonl"}, DataFormat::kCsv},
  };
  for (const Case& one : cases) {
    const auto format = verdict(one.names);
    ASSERT_TRUE(format) << format.error().message;
    EXPECT_EQ(*format, one.format) << (one.names.empty() ? "no file" : one.names.front());
  }
}

TEST(SeenEndings, OneFileOfCsvMakesItCsvAsItAlwaysWas) {
  SeenEndings seen;
  for (const char* name : {"a.jsonl", "b.parquet"}) seen.add(name);
  EXPECT_FALSE(seen.settled());
  seen.add("z.csv");
  EXPECT_TRUE(seen.settled());
  const auto format = seen.verdict("'/in/'");
  ASSERT_TRUE(format);
  EXPECT_EQ(*format, DataFormat::kCsv);
}

TEST(SeenEndings, FilesThatDoNotAgreeAreCountedAndTheFieldIsNamed) {
  const auto format = verdict({"b.parquet", "a.jsonl", "c.jsonl"});
  ASSERT_FALSE(format);
  EXPECT_EQ(format.error().message,
            "'/in/' has 2 files of the format jsonl ('a.jsonl') and 1 file of the format parquet "
            "('b.parquet'), so their endings do not decide the format; set the input's format: jsonl or "
            "format: parquet (the others are left out then), or make an input of each");
}

}  // namespace
}  // namespace parallelrun
