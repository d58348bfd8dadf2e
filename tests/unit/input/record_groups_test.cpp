// Records grouped on disk, with room for all of them and with hardly any.
#include "runner/input/record_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "runner/input/csv_record_fields.h"
#include "runner/input/slice_hash.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using test::TemporaryDirectory;

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class Grouped {
 public:
  explicit Grouped(std::vector<std::string> files, std::uint64_t memory = 96U << 20U) {
    options_.root = root_ / "in/";
    options_.directory = root_ / "groups/";
    options_.declared = {std::nullopt};
    options_.columns = {0};
    options_.memory_bytes = memory;
    for (std::size_t i = 0; i < files.size(); ++i) {
      root_.write("in/" + std::to_string(i) + ".csv", files[i]);
      options_.input_bytes += files[i].size();
    }
    count_ = files.size();
  }

  Result<RecordGroups> groups() {
    CsvRecordFields fields(Input{}, local_files());
    fields.want({"k"});
    std::size_t next = 0;
    return group_records(
        fields,
        [&]() -> Result<std::optional<FileToGroup>> {
          if (next == count_) return std::optional<FileToGroup>();
          return std::optional(FileToGroup{std::to_string(next++) + ".csv", KeyTexts(1)});
        },
        options_);
  }

  // {key: records}
  std::map<std::string, std::string> texts() {
    const auto found = groups();
    EXPECT_TRUE(found.ok()) << found.error().message;
    std::map<std::string, std::string> texts;
    if (!found.ok()) return texts;
    const std::string data = content(options_.directory + found->data_file);
    EXPECT_EQ(data.size(), found->data_size);
    std::string before;
    for (const RecordGroup& group : found->groups) {
      const std::string records = data.substr(group.offset, group.length);
      EXPECT_EQ(slice_hash(records), group.hash);
      const std::string key = packed(found->canonical(group));
      EXPECT_LT(before, key);
      before = key;
      texts[group.texts[0].value_or("(missing)")] = records;
    }
    return texts;
  }

  TemporaryDirectory root_;
  GroupingOptions options_;
  std::size_t count_ = 0;
};

TEST(RecordGroups, KeepTheOrderOfFilesAndRows) {
  Grouped grouped({"k,v\nb,1\na,2\n\nb,3", "k,v\n\"a\",4\nb,\"5\n6\"\n,7\n"});
  const auto texts = grouped.texts();
  EXPECT_EQ(texts.at("a"), "a,2\n\"a\",4\n");
  EXPECT_EQ(texts.at("b"), "b,1\nb,3\nb,\"5\n6\"\n");
  EXPECT_EQ(texts.at("(missing)"), ",7\n");
  EXPECT_EQ(texts.size(), 3U);
}

TEST(RecordGroups, TheTypeOfAllValuesSaysWhichAreEqual) {
  EXPECT_EQ(Grouped({"k\n1\n01\n1.0\n"}).texts().size(), 1U);
  EXPECT_EQ(Grouped({"k\n1\n01\n1.0\nx\n"}).texts().size(), 4U);
}

TEST(RecordGroups, OriginsLeadBackToFileAndRow) {
  Grouped grouped({"k\na\nb\na\n", "k\nb\n", "k\nb\n\na\n"});
  const auto found = grouped.groups();
  ASSERT_TRUE(found.ok());
  const std::string data = content(grouped.options_.directory + found->data_file);
  const RecordGroup& a = found->groups[0];
  EXPECT_EQ(data.substr(a.offset + a.length, a.origins_length), std::string("\0\1\0\2\2\3", 6));
  std::string names = found->data_file;
  EXPECT_EQ(content(grouped.options_.directory + "names" + names.substr(names.rfind('-'))),
            std::string("0.csv\0001.csv\0002.csv\0", 18));
}

// Parts that are larger than the memory are split, and split again; a key that is larger than it is written
// without being held.
TEST(RecordGroups, SameGroupsInHardlyAnyMemory) {
  std::mt19937 random(7);
  std::vector<std::string> files;
  for (int file = 0; file < 5; ++file) {
    std::string text = "k,v\n";
    for (int row = 0; row < 4000; ++row) {
      const auto key = random() % 3 == 0 ? 0 : random() % 500;  // one key is a third of all
      // Written in several ways, which are one key in a column of numbers.
      const char* form = random() % 2 == 0 ? "" : ".0";
      text += std::to_string(key) + form + "," + std::to_string(file * 4000 + row) +
              std::string(static_cast<std::size_t>(random() % 60), 'x') + "\n";
    }
    files.push_back(std::move(text));
  }
  Grouped roomy(files);
  Grouped narrow(files, 16U << 10U);
  narrow.options_.input_bytes = 1;  // as if it were not known: one part, which must be split
  const auto expected = roomy.texts();
  EXPECT_EQ(expected.size(), 500U);
  EXPECT_EQ(narrow.texts(), expected);
}

TEST(RecordGroups, AreFoundAgainAndOnlyWhenTheyAreWhole) {
  Grouped grouped({"k,v\nb,1\na,2\n", "k,v\n", "v,k\n3,a\n"});
  EXPECT_FALSE(find_groups(grouped.options_.directory)->has_value());
  const auto made = grouped.groups();
  ASSERT_TRUE(made.ok());
  const auto found = find_groups(grouped.options_.directory);
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->header, "k,v\n");
  ASSERT_EQ((*found)->groups.size(), 2U);
  EXPECT_EQ((*found)->groups[1].texts, (KeyTexts{"b"}));
  EXPECT_EQ((*found)->groups[1].hash, made->groups[1].hash);
  // What was said of files is said again when the job goes on.
  EXPECT_THAT((*found)->passed,
              testing::ElementsAre(PassedOver{0, PassedKind::kHeaderOnlyTable, 1, "1.csv", false},
                                   PassedOver{0, PassedKind::kOtherColumnOrder, 1, "2.csv", false}));
  const std::string index = content(grouped.options_.directory + "index");
  for (const std::string& damaged : {index.substr(0, index.size() - 1), index.substr(0, 12), "x" + index}) {
    std::ofstream(grouped.options_.directory + "index", std::ios::binary) << damaged;
    EXPECT_EQ(find_groups(grouped.options_.directory).error().code, ErrorCode::kCorrupt);
  }
}

TEST(RecordGroups, OfTablesAreSortedAndFoundAgain) {
  const TemporaryDirectory root;
  const std::string directory = root / "groups/";
  ASSERT_TRUE(begin_groups(directory).ok());
  std::ofstream(directory + "spill-of-a-killed-run") << "x";
  ASSERT_TRUE(begin_groups(directory).ok());
  EXPECT_NE(access((directory + "spill-of-a-killed-run").c_str(), F_OK), 0);
  EXPECT_FALSE(find_groups(directory)->has_value());

  RecordGroups groups;
  groups.types = {KeyType::kFloat64, KeyType::kOther};
  groups.tables = {{"data-a-000000.parquet", 100, 60, 7}, {"data-a-000001.parquet", 200, 160, 8}};
  // -0.0 and 0.0 are one number; what is missing comes last.
  groups.groups = {{.texts = {KeyText(), "2024-01-02"}, .table = 1, .offset = 3, .records = 2},
                   {.texts = {"7.5", KeyText()}, .table = 0, .offset = 0, .records = 4},
                   {.texts = {"-0.0", "2024-01-02"}, .table = 0, .offset = 4, .records = 1}};
  ASSERT_TRUE(end_groups(directory, groups).ok());
  const auto found = find_groups(directory);
  ASSERT_TRUE(found.ok() && found->has_value());
  ASSERT_EQ((*found)->groups.size(), 3U);
  EXPECT_EQ((*found)->canonical((*found)->groups[0]), (KeyTexts{"0", "2024-01-02"}));
  EXPECT_EQ((*found)->groups[1].texts, (KeyTexts{"7.5", KeyText()}));
  EXPECT_EQ((*found)->groups[2].table, 1U);
  EXPECT_EQ((*found)->groups[2].offset, 3U);
  EXPECT_EQ((*found)->groups[2].records, 2U);
  EXPECT_EQ((*found)->types, groups.types);
  ASSERT_EQ((*found)->tables.size(), 2U);
  EXPECT_EQ((*found)->tables[1].name, "data-a-000001.parquet");
  EXPECT_EQ((*found)->tables[1].size, 200U);
  EXPECT_EQ((*found)->tables[1].footer, 160U);
  EXPECT_EQ((*found)->tables[1].hash, 8U);
}

TEST(RecordGroups, OtherColumnsAndOpenQuotesAreRefused) {
  EXPECT_THAT(Grouped({"k,v\na,1\n", "k\na\n"}).groups().error().message,
              testing::HasSubstr("1.csv has other columns than the first file"));
  EXPECT_THAT(Grouped({"k,v\na,\"1\n", "k,v\na,1\n"}).groups().error().message,
              testing::HasSubstr("has a quote in row 1 that never closes"));
  EXPECT_THAT(Grouped({"kk,v\na,1\n"}).groups().error().message, testing::HasSubstr("has no column 'k'"));
}

TEST(RecordGroups, EndsWhenItIsStopped) {
  std::string text = "k\n";
  for (int i = 0; i < 10000; ++i) text += "a\n";
  Grouped grouped({text});
  const std::atomic<bool> stopped{true};
  grouped.options_.stopped = &stopped;
  EXPECT_EQ(grouped.groups().error().code, ErrorCode::kAborted);
}

}  // namespace
}  // namespace parallelrun
