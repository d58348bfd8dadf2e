#include "runner/input/input_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/json/json.h"
#include "runner/input/file_set.h"
#include "runner/input/file_slice.h"
#include "runner/input/input_listing.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using test::TemporaryDirectory;

Input input(InputType type) {
  Input made;
  made.name = "in";
  made.type = type;
  return made;
}

FileSlice slice_of(const std::string& path) { return {path, 0, 5, 4, 2, 5, 0, {}, "h\n"}; }

TEST(InputFormat, EachHasAKindOfItsOwnAndReadsWhatItWrites) {
  TemporaryDirectory root;
  root.write("sub/a.csv", "h\n1\n2\n");
  std::set<DescriptorKind> kinds;
  Input parquet = input(InputType::kTabular);
  parquet.format = DataFormat::kParquet;
  parquet.glob = "**/*.csv";  // it is none, and comes as what a worker cannot read
  for (const Input& one : {input(InputType::kFile), input(InputType::kTabular), parquet}) {
    const auto format = open_format(one);
    EXPECT_TRUE(kinds.insert(format->kind()).second);
    auto listing = open_listing(one, *format, {root.path(), std::nullopt});
    ASSERT_TRUE(listing.ok());
    const auto cutter = format->cutter(**listing, {root / "", 1000, nullptr});
    const auto piece = cutter->next();
    ASSERT_TRUE(piece.ok() && piece->has_value());
    EXPECT_EQ((*piece)->descriptor.front(), static_cast<char>(format->kind()));
    EXPECT_EQ((*piece)->descriptor.find(root.path().string()), std::string::npos);
    EXPECT_EQ(format->last_object((*piece)->descriptor).value(), "sub/a.csv");
    EXPECT_THAT(format->items_of((*piece)->descriptor, root / "").dump(),
                testing::HasSubstr("\"" + root / "sub/a.csv" + "\""));
    EXPECT_EQ(cutter->objects(), 1U);
    EXPECT_FALSE(cutter->next()->has_value());
    EXPECT_FALSE(format->last_object("junk").ok());
  }
}

TEST(InputFormat, NamesThatAreNotUtf8StandByteForByte) {
  const auto files = open_format(input(InputType::kFile));
  const auto plain = files->items_of(encode(FileSet{{{"", {"a", "\xC3\xA9"}}}}), "/d/");
  EXPECT_EQ(plain["files"], (std::vector<std::string>{"/d/a", "/d/\xC3\xA9"}));
  EXPECT_FALSE(plain.contains("filesBase64"));

  const auto odd = files->items_of(encode(FileSet{{{"", {"a", "\xFF\xFE"}}}}), "/d/");
  EXPECT_EQ(odd["files"][0], "/d/a");
  EXPECT_EQ(odd["filesBase64"],
            (std::vector<std::string>{"L2QvYQ==", "L2Qv//4="}));  // printf '/d/\377\376' | base64

  const auto table = open_format(input(InputType::kTabular));
  const auto row = table->items_of(encode(table->kind(), slice_of("\xFFx.csv")), "/d/");
  EXPECT_EQ(row["fileBase64"], "L2Qv/3guY3N2");
  EXPECT_EQ(row["firstRow"], 4);
  EXPECT_EQ(row["records"], 2);
}

TEST(InputFormat, TheSampleOfATableIsRelativeToItsInput) {
  TemporaryDirectory root;
  root.write("t/a.csv", "a;b\n1;2\n");
  const Input table = input(InputType::kTabular);
  const auto format = open_format(table);
  ASSERT_TRUE(format->infers_types());
  auto listing = open_listing(table, *format, {root / "t", std::nullopt});
  const auto sample = format->sample(**listing, root / "t/");
  ASSERT_TRUE(sample.ok() && sample->has_value());
  EXPECT_EQ((*sample)->descriptor.find(root.path().string()), std::string::npos);
  EXPECT_NE((*sample)->descriptor.find("a.csv"), std::string::npos);
  EXPECT_THAT((*sample)->warning.value_or(""), testing::HasSubstr("';'"));

  EXPECT_FALSE(open_format(input(InputType::kFile))->infers_types());
}

TEST(InputFormat, AWorkerIsToldHowATableIsWritten) {
  Input table = input(InputType::kTabular);
  table.columns["code"] = ColumnType::kString;
  table.delimiter = ';';
  nlohmann::json entry;
  open_format(table)->tell_worker(entry);
  EXPECT_EQ(entry,
            (nlohmann::json{{"columns", {{"code", "string"}}}, {"delimiter", ";"}, {"encoding", "utf-8"}}));
  nlohmann::json nothing;
  open_format(input(InputType::kFile))->tell_worker(nothing);
  EXPECT_TRUE(nothing.is_null());
}

}  // namespace
}  // namespace parallelrun
