#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runner/input/file_set.h"
#include "runner/input/file_set_writer.h"
#include "runner/input/file_slice.h"

namespace parallelrun {
namespace {

using testing::ElementsAre;

constexpr DescriptorKind kCsv = DescriptorKind::kCsvSlice;

TEST(Descriptor, FileSetSurvives) {
  FileSetWriter writer;
  writer.add("data/a/", "1.png");
  writer.add("data/a/", std::string("\xFF\n", 2));
  writer.add("", "3.png");
  EXPECT_EQ(writer.files(), 3U);
  const std::string bytes = writer.take();
  EXPECT_EQ(writer.files(), 0U);

  const Result<FileSet> files = decode_file_set(bytes);
  ASSERT_TRUE(files.ok()) << files.error().message;
  ASSERT_EQ(files->groups.size(), 2U);
  EXPECT_EQ(files->groups[0].directory, "data/a/");
  EXPECT_THAT(files->groups[0].names, ElementsAre("1.png", "\xFF\n"));
  EXPECT_THAT(files->groups[1].names, ElementsAre("3.png"));
  EXPECT_EQ(encode(*files), bytes);

  writer.add("", "4.png");  // the directory is written again in the next descriptor
  EXPECT_EQ(decode_file_set(writer.take())->groups[0].directory, "");
}

TEST(Descriptor, FileSliceSurvives) {
  const FileSlice slice{"data/x.csv", 11, 100, 7, 3, 4096, 5, FileSlice::Check::kEnds, "a,b\r\n"};
  const Result<FileSlice> again = decode_file_slice(kCsv, encode(kCsv, slice));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->path, slice.path);
  EXPECT_EQ(again->offset, slice.offset);
  EXPECT_EQ(again->length, slice.length);
  EXPECT_EQ(again->first_row, slice.first_row);
  EXPECT_EQ(again->records, slice.records);
  EXPECT_EQ(again->file_size, slice.file_size);
  EXPECT_EQ(again->hash, slice.hash);
  EXPECT_EQ(again->check, slice.check);
  EXPECT_EQ(again->header, slice.header);
}

TEST(Descriptor, EveryTruncationIsRefused) {
  const std::string files = encode(FileSet{{{"d/", {"a", "b"}}}});
  const std::string slice = encode(kCsv, FileSlice{"x.csv", 0, 5, 1, 1, 5, 0, {}, "h\n"});
  for (std::size_t size = 0; size < files.size(); ++size) {
    EXPECT_FALSE(decode_file_set(std::string_view(files).substr(0, size)).ok()) << size;
  }
  for (std::size_t size = 0; size < slice.size(); ++size) {
    EXPECT_FALSE(decode_file_slice(kCsv, std::string_view(slice).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(decode_file_set(files + "x").ok());
  EXPECT_FALSE(decode_file_slice(kCsv, slice + "x").ok());
  EXPECT_FALSE(decode_file_set(slice).ok());
}

TEST(Descriptor, ForgedContentIsRefused) {
  EXPECT_FALSE(decode_file_set(encode(FileSet{{{"d/", {"../../etc/passwd"}}}})).ok());
  EXPECT_FALSE(decode_file_set(encode(FileSet{{{"/absolute/", {"a"}}}})).ok());
  EXPECT_FALSE(decode_file_set(encode(FileSet{{{"no_slash", {"a"}}}})).ok());
  EXPECT_FALSE(decode_file_set(encode(FileSet{})).ok());
  EXPECT_FALSE(decode_file_slice(kCsv, encode(kCsv, FileSlice{"/x.csv", 0, 2, 1, 1, 5, 0, {}, ""})).ok());
  EXPECT_FALSE(decode_file_slice(kCsv, encode(kCsv, FileSlice{"x.csv", 4, 2, 1, 1, 5, 0, {}, ""})).ok());
  EXPECT_FALSE(decode_file_slice(kCsv, encode(kCsv, FileSlice{"x.csv", ~0ULL, 2, 1, 1, 5, 0, {}, ""})).ok());
}

TEST(Descriptor, OneOfAnotherKindIsRefused) {
  const std::string slice = encode(kCsv, FileSlice{"x.csv", 0, 5, 1, 1, 5, 0, {}, "h\n"});
  EXPECT_FALSE(decode_file_slice(DescriptorKind::kFileSet, slice).ok());
  EXPECT_FALSE(decode_file_slice(kCsv, encode(FileSet{{{"d/", {"a"}}}})).ok());
}

}  // namespace
}  // namespace parallelrun
