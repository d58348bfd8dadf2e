// Parts of mini-batches: InputFormat::part_of().
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/json/json.h"
#include "runner/input/file_set.h"
#include "runner/input/input_format.h"
#include "runner/input/slice_format.h"
#include "runner/input/slice_hash.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using test::TemporaryDirectory;

Input input_of(InputType type, DataFormat data_format = DataFormat::kCsv) {
  Input made;
  made.name = "in";
  made.type = type;
  made.format = data_format;
  return made;
}

TEST(Parts, OfFilesAreThoseFiles) {
  const auto format = open_format(input_of(InputType::kFile));
  const std::string all = encode(FileSet{{{"", {"a", "\xFF"}}, {"d/", {"b", "c"}}, {"d/e/", {"f"}}}});
  const auto names = [&](ItemRange range) {
    const auto part = format->part_of(all, range, "/in/");
    EXPECT_TRUE(part.ok() && part.value().has_value());
    EXPECT_EQ((*part)->items, range.size());
    std::string joined;
    const auto files = decode_file_set((*part)->descriptor);
    EXPECT_TRUE(files.ok());
    for (const auto& group : files.value().groups) {
      for (const std::string& name : group.names) joined += group.directory + name + " ";
    }
    return joined;
  };
  EXPECT_EQ(names({0, 1}), "a ");
  EXPECT_EQ(names({1, 4}), "\xFF d/b d/c ");
  EXPECT_EQ(names({3, 5}), "d/c d/e/f ");
  EXPECT_EQ(format->part_of(all, {0, 5}, "/in/").value()->descriptor, all);
  for (const ItemRange none : {ItemRange{2, 2}, ItemRange{3, 2}, ItemRange{4, 6}}) {
    const auto part = format->part_of(all, none, "/in/");
    ASSERT_FALSE(part.ok());
    EXPECT_EQ(part.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(part.error().message, testing::HasSubstr("5 items"));
  }
  EXPECT_EQ(format->part_of("junk", {0, 1}, "/in/").error().code, ErrorCode::kCorrupt);
}

class TableParts : public testing::TestWithParam<DataFormat> {
 protected:
  // All slices of the file, relative to the root.
  std::vector<FileSlice> cut(std::uint64_t bytes) const {
    const auto& format = static_cast<const SliceFormat&>(*format_);
    const auto cutter = format.slices(bytes);
    cutter->start(root_ / name_);
    std::vector<FileSlice> slices;
    while (auto slice = cutter->next()) {
      slice->path = name_;
      slices.push_back(*std::move(slice));
    }
    return slices;
  }
  FileSlice part(const FileSlice& whole, ItemRange range) const {
    const auto piece = format_->part_of(encode(format_->kind(), whole), range, root_ / "");
    EXPECT_TRUE(piece.ok()) << piece.error().message;
    EXPECT_TRUE(piece.value().has_value());
    EXPECT_EQ((*piece)->items, range.size());
    return decode_file_slice(format_->kind(), (*piece)->descriptor).value();
  }
  std::string text(const FileSlice& slice) const {
    return root_.read(name_).substr(slice.offset, slice.length);
  }
  std::string encoded(const FileSlice& slice) const { return encode(format_->kind(), slice); }

  TemporaryDirectory root_;
  std::unique_ptr<InputFormat> format_ = open_format(input_of(InputType::kTabular, GetParam()));
  const std::string name_ = "d.data";
};

// What a mini-batch of one record each would be is what the part of one item is.
TEST_P(TableParts, AreWhatThePlannerWouldHaveCut) {
  const bool csv = GetParam() == DataFormat::kCsv;
  const std::string header = csv ? "a,b\n" : "";
  const std::vector<std::string> records =
      csv ? std::vector<std::string>{"1,2\n", "\"x\ny\",\"z,\"\"\"\r\n",
                                     "\n",    " \n",
                                     "3,4\n", "5,\"" + std::string(300'000, 'l') + "\"\n",
                                     "6,7\n"}
          : std::vector<std::string>{"{\"a\":1}\n", " {\"a\":\"x\\ny\"}\r\n",
                                     "\n",          " \t\n",
                                     "{}\n",        "{\"a\":\"" + std::string(300'000, 'l') + "\"}\n",
                                     "{\"a\":2}\n"};
  std::string body = header;
  for (const std::string& record : records) body += record;
  for (const std::string& end :
       {std::string(), std::string("\n\n"), std::string(csv ? "8,9" : "{\"b\":1}")}) {
    root_.write(name_, body + end);
    const std::vector<FileSlice> single = cut(1);
    ASSERT_GE(single.size(), 5U);
    for (const std::uint64_t bytes : {1U << 30U, 30U}) {
      std::size_t first = 0;
      for (const FileSlice& whole : cut(bytes)) {
        for (std::uint64_t begin = 0; begin < whole.records; ++begin) {
          EXPECT_EQ(encoded(part(whole, {begin, begin + 1})), encoded(single[first + begin]));
          for (std::uint64_t past = begin + 1; past <= whole.records; ++past) {
            const FileSlice some = part(whole, {begin, past});
            const FileSlice& last = single[first + past - 1];
            EXPECT_EQ(some.offset, single[first + begin].offset);
            EXPECT_EQ(some.offset + some.length, last.offset + last.length);
            EXPECT_EQ(some.first_row, single[first + begin].first_row);
            EXPECT_EQ(some.hash, slice_hash(text(some)));
            EXPECT_EQ(some.header, header);
            // A part of a part is a part.
            EXPECT_EQ(encoded(part(some, {some.records - 1, some.records})), encoded(last));
          }
        }
        EXPECT_EQ(encoded(part(whole, {0, whole.records})), encoded(whole));
        first += whole.records;
      }
      EXPECT_EQ(first, single.size());
    }
  }
}

TEST_P(TableParts, OfAFileThatChangedAreRefused) {
  const std::string row = GetParam() == DataFormat::kCsv ? "1\n" : "{\"a\": 1}\n";
  root_.write(name_, "\n" + row + row + row);
  const FileSlice whole = cut(1 << 20).at(0);
  ASSERT_GE(whole.records, 2U);
  const auto error = [&] {
    const auto piece = format_->part_of(encoded(whole), {0, 1}, root_ / "");
    EXPECT_FALSE(piece.ok());
    EXPECT_THAT(piece.error().message, testing::HasSubstr(root_ / name_));
    return piece.error().code;
  };
  // Behind the part, too: what was planned is known by its bytes as a whole.
  std::string other = row;
  other[other.size() - 2] = other[other.size() - 2] == '}' ? ']' : '2';
  root_.write(name_, "\n" + row + row + other);
  EXPECT_EQ(error(), ErrorCode::kConflict);
  root_.write(name_, "\n");
  EXPECT_NE(error(), ErrorCode::kCorrupt);
  std::filesystem::remove(root_ / name_);
  EXPECT_EQ(error(), ErrorCode::kIo);
  EXPECT_EQ(format_->part_of(encoded(whole), {1, 99}, root_ / "").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(format_->part_of("junk", {0, 1}, root_ / "").error().code, ErrorCode::kCorrupt);
}

TEST_P(TableParts, OfWhatOnlyAWorkerCanReadThereAreNone) {
  root_.write(name_, std::string("\x1F\x8B\x08\x00\x00\x00\x00\x00\x00\x03junk", 14));  // as gzip begins
  const auto slices = cut(1 << 20);
  ASSERT_EQ(slices.size(), 1U);
  const auto piece = format_->part_of(encoded(slices[0]), {0, 1}, root_ / "");
  ASSERT_TRUE(piece.ok());
  EXPECT_FALSE(piece.value().has_value());
}

TEST(Parts, OfATableOfWideCharactersThereAreNone) {
  TemporaryDirectory root;
  root.write("a.csv", std::string("\xFF\xFE"
                                  "a\0\n\0"
                                  "1\0\n\0"
                                  "2\0\n\0",
                                  14));
  Input wide = input_of(InputType::kTabular);
  wide.encoding = "utf-16";
  const auto format = open_format(wide);
  const auto cutter = static_cast<const SliceFormat&>(*format).slices(1 << 20);
  cutter->start(root / "a.csv");
  auto slice = cutter->next();
  ASSERT_TRUE(slice.has_value());
  EXPECT_EQ(slice->records, 2U);
  slice->path = "a.csv";
  const auto piece = format->part_of(encode(format->kind(), *slice), {0, 1}, root / "");
  ASSERT_TRUE(piece.ok());
  EXPECT_FALSE(piece.value().has_value());
}

// Where records end is a matter of the dialect, and without a header the first of them is an item.
TEST(Parts, OfATableOfAnotherDialectAreWhatThePlannerWouldHaveCut) {
  TemporaryDirectory root;
  root.write("a.csv", "a\\\nb;1\n# none\n'x\ny';2\n\\';3\nlast;4");
  Input input = input_of(InputType::kTabular);
  input.delimiter = ';';
  input.quote = '\'';
  input.escape = '\\';
  input.comment = '#';
  input.header = false;
  const auto format = open_format(input);
  const auto cut = [&](std::uint64_t bytes) {
    const auto cutter = static_cast<const SliceFormat&>(*format).slices(bytes);
    cutter->start(root / "a.csv");
    std::vector<std::string> slices;
    while (auto slice = cutter->next()) {
      slice->path = "a.csv";
      slices.push_back(encode(format->kind(), *slice));
    }
    return slices;
  };
  const auto single = cut(1);
  ASSERT_EQ(single.size(), 4U);
  const auto whole = cut(1 << 20);
  ASSERT_EQ(whole.size(), 1U);
  for (std::uint64_t item = 0; item < 4; ++item) {
    const auto piece = format->part_of(whole[0], {item, item + 1}, root / "");
    ASSERT_TRUE(piece.ok() && piece.value().has_value()) << item;
    EXPECT_EQ((*piece)->descriptor, single[item]) << item;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, TableParts, testing::Values(DataFormat::kCsv, DataFormat::kJsonLines),
                         [](const auto& one) {
                           return one.param == DataFormat::kCsv ? std::string("Csv")
                                                                : std::string("JsonLines");
                         });

}  // namespace
}  // namespace parallelrun
