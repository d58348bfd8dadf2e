#include "runner/plan/mini_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runner/plan/file_set_writer.h"

namespace parallelrun {
namespace {

using testing::ElementsAre;

TEST(Descriptor, FileSetSurvives) {
  FileSetWriter writer;
  writer.add("/data/a/", "1.png");
  writer.add("/data/a/", std::string("\xFF\n", 2));
  writer.add("/data/b/", "3.png");
  EXPECT_EQ(writer.files(), 3U);
  const std::string bytes = writer.take();
  EXPECT_EQ(writer.files(), 0U);

  const Result<FileSet> files = decode_file_set(bytes);
  ASSERT_TRUE(files.ok()) << files.error().message;
  ASSERT_EQ(files->groups.size(), 2U);
  EXPECT_EQ(files->groups[0].directory, "/data/a/");
  EXPECT_THAT(files->groups[0].names, ElementsAre("1.png", "\xFF\n"));
  EXPECT_THAT(files->groups[1].names, ElementsAre("3.png"));
  EXPECT_EQ(encode(*files), bytes);

  writer.add("/data/b/", "4.png");  // the directory is written again in the next descriptor
  EXPECT_EQ(decode_file_set(writer.take())->groups[0].directory, "/data/b/");
}

TEST(Descriptor, CsvSliceSurvives) {
  const CsvSlice slice{"/data/x.csv", 11, 100, 7, 3, 4096, 5, CsvSlice::Check::kEnds, "a,b\r\n"};
  const Result<CsvSlice> again = decode_csv_slice(encode(slice));
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
  const std::string files = encode(FileSet{{{"/d/", {"a", "b"}}}});
  const std::string slice = encode(CsvSlice{"/x.csv", 0, 5, 1, 1, 5, 0, {}, "h\n"});
  for (std::size_t size = 0; size < files.size(); ++size) {
    EXPECT_FALSE(decode_file_set(std::string_view(files).substr(0, size)).ok()) << size;
  }
  for (std::size_t size = 0; size < slice.size(); ++size) {
    EXPECT_FALSE(decode_csv_slice(std::string_view(slice).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(decode_file_set(files + "x").ok());
  EXPECT_FALSE(decode_csv_slice(slice + "x").ok());
  EXPECT_FALSE(decode_file_set(slice).ok());
}

TEST(Descriptor, ForgedContentIsRefused) {
  EXPECT_FALSE(decode_file_set(encode(FileSet{{{"/d/", {"../../etc/passwd"}}}})).ok());
  EXPECT_FALSE(decode_file_set(encode(FileSet{{{"relative/", {"a"}}}})).ok());
  EXPECT_FALSE(decode_file_set(encode(FileSet{})).ok());
  EXPECT_FALSE(decode_csv_slice(encode(CsvSlice{"/x.csv", 4, 2, 1, 1, 5, 0, {}, ""})).ok());
  EXPECT_FALSE(decode_csv_slice(encode(CsvSlice{"/x.csv", ~0ULL, 2, 1, 1, 5, 0, {}, ""})).ok());
}

TEST(Descriptor, PathsMoveWithTheirDirectory) {
  const std::string files = encode(FileSet{{{"/in/", {"a", "b"}}, {"/in/sub/", {"c"}}}});
  const auto stored = with_root(files, "/in/", "");
  ASSERT_TRUE(stored.ok());
  EXPECT_LT(stored->size(), files.size());
  const auto moved = with_root(*stored, "", "/else where/");
  ASSERT_TRUE(moved.ok());
  EXPECT_EQ(*moved, encode(FileSet{{{"/else where/", {"a", "b"}}, {"/else where/sub/", {"c"}}}}));
  EXPECT_FALSE(with_root(files, "/other/", "").ok());
  EXPECT_FALSE(with_root(files + "x", "/in/", "").ok());

  const CsvSlice slice{"/in/x.csv", 0, 5, 1, 1, 5, 77, CsvSlice::Check::kBytes, "h\n"};
  CsvSlice there = slice;
  there.path = "/b/x.csv";
  EXPECT_EQ(*with_root(*with_root(encode(slice), "/in/", ""), "", "/b/"), encode(there));
  EXPECT_FALSE(with_root(encode(slice), "/out/", "").ok());
  EXPECT_FALSE(with_root("", "", "").ok());
  EXPECT_FALSE(with_root("junk", "", "/").ok());
}

}  // namespace
}  // namespace parallelrun
