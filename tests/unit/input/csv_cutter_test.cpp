#include "runner/input/csv_cutter.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using test::TemporaryDirectory;

std::vector<FileSlice> cut(const std::string& path, std::uint64_t bytes, CsvFormat format = {}) {
  CsvCutter cutter({format, bytes});
  cutter.start(path);
  std::vector<FileSlice> slices;
  while (auto slice = cutter.next()) slices.push_back(*slice);
  return slices;
}

TEST(CsvCutter, SlicesAreWholeRecordsOfAboutTheSize) {
  TemporaryDirectory folder;
  const std::string path = folder.write("a.csv", "\xEF\xBB\xBFk,v\r\n1,\"x\r\ny\"\r\n\r\n2,y\r\n3,z");
  const auto slices = cut(path, 1);
  ASSERT_EQ(slices.size(), 3U);
  EXPECT_EQ(slices[0].header, "k,v\r\n");
  EXPECT_EQ(slices[0].offset, 8U);
  EXPECT_EQ(slices[0].length, 10U);
  EXPECT_EQ(slices[0].first_row, 1U);
  EXPECT_EQ(slices[1].offset, 18U);
  EXPECT_EQ(slices[1].length, 7U);  // the blank record and the one behind it
  EXPECT_EQ(slices[1].first_row, 3U);
  EXPECT_EQ(slices[1].records, 1U);
  EXPECT_EQ(slices[2].first_row, 4U);
  EXPECT_EQ(slices[2].length, 3U);
  EXPECT_EQ(slices[2].file_size, 28U);

  const auto whole = cut(path, 1000);
  ASSERT_EQ(whole.size(), 1U);
  EXPECT_EQ(whole[0].records, 3U);
  EXPECT_EQ(whole[0].length, 20U);
}

TEST(CsvCutter, FilesWithoutRecordsGiveNothing) {
  TemporaryDirectory folder;
  EXPECT_TRUE(cut(folder.write("empty.csv", ""), 1).empty());
  EXPECT_TRUE(cut(folder.write("header.csv", "a,b"), 1).empty());
  EXPECT_TRUE(cut(folder.write("header_lf.csv", "a,b\n"), 1).empty());
  EXPECT_TRUE(cut(folder.write("blanks.csv", "a,b\n\n  \n\t"), 1).empty());
  EXPECT_TRUE(cut(folder.write("mark.csv", "\xEF\xBB\xBF"), 1).empty());
  EXPECT_TRUE(cut(folder.write("only_blanks.csv", "\n\n"), 1).empty());
}

TEST(CsvCutter, BlankRecordsBeforeTheHeaderAreNoHeader) {
  TemporaryDirectory folder;
  const auto slices = cut(folder.write("a.csv", "\n  \r\na,b\n1,2\n"), 1);
  ASSERT_EQ(slices.size(), 1U);
  EXPECT_EQ(slices[0].header, "a,b\n");
  EXPECT_EQ(slices[0].length, 4U);
}

// The row of a slice is that of its first record, as a person counts: with the blank ones before it.
TEST(CsvCutter, BlankRecordsBeforeASliceAreCounted) {
  TemporaryDirectory folder;
  // Blank records that fill many blocks of the scan, too.
  for (const std::size_t blanks : {1U, 3U, 700U, 300'000U}) {
    const std::string gap(blanks, '\n');
    const std::string path = folder.write("a.csv", "a\n" + gap + "1\n2\n" + gap + "3\n" + gap);
    for (const std::uint64_t bytes : {std::uint64_t{1}, blanks + 3}) {
      const auto slices = cut(path, bytes);
      ASSERT_EQ(slices.size(), bytes == 1 ? 3U : 2U);
      EXPECT_EQ(slices.front().first_row, blanks + 1);
      EXPECT_EQ(slices.back().first_row, 2 * blanks + 3);
      // A plan that is gone on with gives the same.
      CsvCutter resumed({{}, bytes});
      resumed.resume_after(slices.front());
      for (std::size_t i = 1; i < slices.size(); ++i) {
        const auto next = resumed.next();
        ASSERT_TRUE(next.has_value());
        EXPECT_EQ(next->first_row, slices[i].first_row);
        EXPECT_EQ(next->hash, slices[i].hash);
      }
    }
  }
}

TEST(CsvCutter, BlankRecordsAtTheEndBelongToTheLastSlice) {
  TemporaryDirectory folder;
  const auto slices = cut(folder.write("a.csv", "a\n1\n2\n\n \n\n"), 1);
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(slices[1].offset + slices[1].length, slices[1].file_size);
  EXPECT_EQ(slices[1].records, 1U);
}

TEST(CsvCutter, ATabDelimiterIsNotWhiteSpace) {
  TemporaryDirectory folder;
  const auto slices = cut(folder.write("a.tsv", "a\tb\n\t\n \n1\t2\n"), 1, {'\t', "utf-8"});
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(slices[0].length, 2U);
}

TEST(CsvCutter, AQuoteThatNeverClosesIsOneRecordToTheEnd) {
  TemporaryDirectory folder;
  const auto slices = cut(folder.write("a.csv", "a,b\n1,2\n3,\"4\n5,6\n7,8\n"), 1);
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(slices[1].records, 1U);
  EXPECT_EQ(slices[1].offset + slices[1].length, slices[1].file_size);

  const auto in_header = cut(folder.write("b.csv", "a,\"b\n1,2\n"), 1);
  ASSERT_EQ(in_header.size(), 1U);  // not dropped: the worker reports it
  EXPECT_TRUE(in_header[0].header.empty());
  EXPECT_EQ(in_header[0].records, 1U);
}

TEST(CsvCutter, WhatCannotBeSplitComesWhole) {
  TemporaryDirectory folder;
  const std::u16string text = u"\uFEFFa,b\r\n1,\"x\ny\"\r\n\r\n3,\u0A0A\r\n";
  std::string little;
  std::string big;
  for (const char16_t unit : text) {
    little += {static_cast<char>(unit & 0xFF), static_cast<char>(unit >> 8)};
    big += {static_cast<char>(unit >> 8), static_cast<char>(unit & 0xFF)};
  }
  for (const std::string& bytes : {little, big}) {
    const auto slices = cut(folder.write("wide.csv", bytes), 1, {',', "UTF-16"});
    ASSERT_EQ(slices.size(), 1U);
    EXPECT_EQ(slices[0].offset, 0U);
    EXPECT_EQ(slices[0].length, bytes.size());
    EXPECT_TRUE(slices[0].header.empty());
    EXPECT_EQ(slices[0].records, 2U);
  }
  EXPECT_EQ(cut(folder.write("be.csv", big.substr(2)), 1, {',', "utf_16_be"})[0].records, 2U);
  const std::string gap("a\0\n\0\n\0\n\0001\0", 10);
  EXPECT_EQ(cut(folder.write("gap.csv", gap), 1, {',', "utf-16-le"})[0].first_row, 3U);

  const auto packed = cut(folder.write("a.csv", "\x1F\x8B\x08junk"), 1);
  ASSERT_EQ(packed.size(), 1U);
  EXPECT_EQ(packed[0].records, 0U);
  EXPECT_EQ(packed[0].length, 7U);
  EXPECT_EQ(packed[0].check, FileSlice::Check::kEnds);
  EXPECT_EQ(cut(folder.write("b.csv.gz", "a\n1\n2\n"), 1).size(), 2U);     // not packed
  EXPECT_EQ(cut(folder.write("z.csv", "BZhours\n1\n2\n"), 1).size(), 2U);  // neither
  EXPECT_EQ(cut(folder.write("a.csv", "a\n1\n"), 1, {',', "utf-7"})[0].records, 0U);
  EXPECT_EQ(cut(folder.write("b.csv", "a|b\n1|2\n3|4\n"), 1, {'|', "shift_jis"}).size(), 1U);
  EXPECT_EQ(cut(folder.write("c.csv", "a,b\n1,2\n3,4\n"), 1, {',', "shift_jis"}).size(), 2U);
}

TEST(CsvCutter, WhatIsNoCsvIsOneItemThatWillFail) {
  TemporaryDirectory folder;
  // A Parquet file or a line of JSON need not have a line break, and would be a header alone.
  for (const char* text : {"PAR1\x15\x04", "{\"a\": 1}", " [\n {\"a\": 1},\n{\"a\": 2}]\n", "{}\n"}) {
    const auto slices = cut(folder.write("a.csv", text), 1);
    ASSERT_EQ(slices.size(), 1U) << text;
    EXPECT_TRUE(slices[0].header.empty());
    EXPECT_EQ(slices[0].records, 1U);
  }
  EXPECT_EQ(cut(folder.write("b.csv", "{a},[b\n1,2\n3,4\n"), 1).size(), 2U);
}

TEST(CsvCutter, AnUnreadableFileIsOneItemThatWillFail) {
  TemporaryDirectory folder;
  const auto missing = cut(folder / "gone.csv", 1);
  ASSERT_EQ(missing.size(), 1U);
  EXPECT_EQ(missing[0].records, 1U);
  EXPECT_EQ(missing[0].path, folder / "gone.csv");

  const std::string secret = folder.write("secret.csv", "a\n1\n");
  ASSERT_EQ(::chmod(secret.c_str(), 0), 0);
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  const uid_t me = ::geteuid();
  if (me == 0) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const auto slices = cut(secret, 1);
  if (me == 0) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  ASSERT_EQ(slices.size(), 1U);
  EXPECT_EQ(slices[0].records, 1U);
  EXPECT_EQ(slices[0].length, 4U);
}

TEST(CsvCutter, AHugeHeaderIsNotCopiedIntoEverySlice) {
  TemporaryDirectory folder;
  const auto slices = cut(folder.write("a.csv", std::string(2'000'000, 'h') + "\n1\n2\n"), 1);
  ASSERT_EQ(slices.size(), 1U);
  EXPECT_TRUE(slices[0].header.empty());
  EXPECT_EQ(slices[0].records, 0U);
}

TEST(CsvCutter, AChangedFileIsNotResumedSilently) {
  TemporaryDirectory folder;
  const std::string path = folder.write("a.csv", "a\n1\n2\n3\n");
  const FileSlice first = cut(path, 1).front();
  folder.write("a.csv", "a\n1\n2\n3\n4\n");
  CsvCutter cutter({{}, 1});
  cutter.resume_after(first);
  const auto rest = cutter.next();
  ASSERT_TRUE(rest.has_value());
  EXPECT_EQ(rest->offset, 4U);
  EXPECT_EQ(rest->length, 4U);
  EXPECT_EQ(rest->file_size, 8U);  // of the plan, not of today
  EXPECT_EQ(rest->check, FileSlice::Check::kChanged);
  EXPECT_EQ(rest->records, 1U);
  EXPECT_FALSE(cutter.next().has_value());

  folder.write("a.csv", "a\n7\n2\n3\n");  // of the same size
  cutter.resume_after(first);
  EXPECT_EQ(cutter.next()->check, FileSlice::Check::kChanged);
  folder.write("a.csv", "a\n1\n2\n3\n");  // as it was, and of another time
  cutter.resume_after(first);
  EXPECT_EQ(cutter.next()->check, FileSlice::Check::kBytes);
}

TEST(CsvCutter, EachSliceHasTheHashOfItsBytes) {
  TemporaryDirectory folder;
  std::string text = "\xEF\xBB\xBFkey,text\n";
  for (int i = 0; i < 120'000; ++i) text += std::to_string(i) + ",\"a \"\"b\"\"\nc\"\n";
  text += "\n \n\n";  // belongs to the last slice
  const std::string path = folder.write("a.csv", text);
  // Within one buffer of the scan, over two of them and over many.
  for (const std::uint64_t bytes : {1'000ULL, 100'000ULL, 300'000ULL, 10'000'000ULL}) {
    std::uint64_t at = 12;
    for (const FileSlice& slice : cut(path, bytes)) {
      ASSERT_EQ(slice.offset, at);
      ASSERT_EQ(slice.check, FileSlice::Check::kBytes);
      ASSERT_EQ(slice.hash, slice_hash(std::string_view(text).substr(slice.offset, slice.length)));
      at += slice.length;
      CsvCutter cutter({{}, bytes});
      cutter.resume_after(slice);
      const auto next = cutter.next();
      if (next) {
        ASSERT_EQ(next->hash, slice_hash(std::string_view(text).substr(next->offset, next->length)));
      }
      ASSERT_EQ(next.has_value(), at < text.size());
    }
    EXPECT_EQ(at, text.size());
  }
}

TEST(CsvCutter, APackedFileIsKnownByItsEnds) {
  TemporaryDirectory folder;
  std::string bytes = "\x1F\x8B\x08" + std::string(500'000, 'x');
  const std::uint64_t hash = cut(folder.write("a", bytes), 1)[0].hash;
  EXPECT_EQ(hash, slice_hash(bytes.substr(0, kHashedEnd) + bytes.substr(bytes.size() - kHashedEnd)));
  bytes.back() = 'y';  // of the checksum
  EXPECT_NE(cut(folder.write("a", bytes), 1)[0].hash, hash);
  const std::string small = "\x1F\x8B\x08 small";
  EXPECT_EQ(cut(folder.write("b", small), 1)[0].hash, slice_hash(small));
}

}  // namespace
}  // namespace parallelrun
