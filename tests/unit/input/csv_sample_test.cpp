#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "runner/input/csv_piece.h"
#include "runner/input/csv_table_format.h"
#include "runner/input/input_listing.h"
#include "runner/input/slice_sample.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using test::TemporaryDirectory;

const CsvTableFormat kPlain{Input{}};

TEST(CsvPiece, FindsWholeRecords) {
  const auto piece = find_records("3,4\n5,6\n\n7,8\n9", ',', 2, false);
  ASSERT_TRUE(piece.has_value());
  EXPECT_EQ(piece->begin, 4U);
  EXPECT_EQ(piece->end, 13U);
  EXPECT_EQ(piece->records, 2U);
  EXPECT_EQ(find_records("x\n7,8\n9,10", ',', 2, true)->records, 2U);
}

TEST(CsvPiece, TellsQuotedLineBreaksFromRealOnes) {
  // The piece begins in a quoted field whose lines look like records.
  const auto piece = find_records("a\n1,2\n3,4\",x\n5,\"6\n7\"\n8,9\n", ',', 2, false);
  ASSERT_TRUE(piece.has_value());
  EXPECT_EQ(piece->begin, 13U);
  EXPECT_EQ(piece->records, 2U);
}

TEST(CsvPiece, LeavesTheUndecidableOut) {
  EXPECT_FALSE(find_records("1\n2\n", ',', 2, false).has_value());  // not the header's fields
  EXPECT_FALSE(find_records("abc", ',', 1, false).has_value());     // no boundary
  EXPECT_FALSE(find_records("\"\na\n\"\nb\n\"\nc\n\"\n", ',', 1, false).has_value());  // both readings pass
}

TEST(CsvSample, PiecesOfALargeFileAreRecordsOfIt) {
  TemporaryDirectory folder;
  std::string text = "id,text\n";
  std::set<std::size_t> boundaries{text.size()};
  for (int i = 0; i < 20'000; ++i) {
    text += std::to_string(i) + ",\"line " + std::to_string(i) + "\nwith, more\"\n";
    boundaries.insert(text.size());
  }
  const std::string path = folder.write("a.csv", text);
  SliceSampleOptions options;
  options.piece_bytes = 1000;
  const auto slices = sample_slices({path}, kPlain, options);
  ASSERT_EQ(slices.size(), 256U);
  std::uint64_t end = 0;
  for (const FileSlice& slice : slices) {
    EXPECT_GE(slice.offset, end);
    end = slice.offset + slice.length;
    EXPECT_TRUE(boundaries.contains(slice.offset));
    EXPECT_TRUE(boundaries.contains(end));
    EXPECT_EQ(slice.header, "id,text\n");
    EXPECT_GT(slice.records, 0U);
  }
  EXPECT_EQ(slices.front().offset, 8U);
  EXPECT_EQ(end, text.size());
}

TEST(CsvSample, TakesTheHeadAndTheEndOfEachOfManyFiles) {
  TemporaryDirectory folder;
  std::vector<std::string> files;
  for (int i = 0; i < 200; ++i) {
    std::string text = "a\n";
    for (int row = 0; row < 20'000; ++row) text += "1\n";
    files.push_back(folder.write(std::to_string(1000 + i) + ".csv", text));
  }
  std::map<std::string, std::vector<FileSlice>> taken;
  std::uint64_t bytes = 0;
  for (const FileSlice& slice : sample_slices(files, kPlain)) {
    taken[slice.path].push_back(slice);
    bytes += slice.length;
  }
  EXPECT_EQ(taken.size(), files.size());
  for (const auto& [path, slices] : taken) {
    EXPECT_EQ(slices.front().offset, 2U) << path;
    EXPECT_EQ(slices.back().offset + slices.back().length, slices.back().file_size) << path;
  }
  EXPECT_LE(bytes, SliceSampleOptions{}.total_bytes);
}

TEST(CsvSample, TakesAFileOfItsShareWhole) {
  TemporaryDirectory folder;
  std::string text = "a\n";
  while (text.size() < (7U << 20U)) text += "12345678\n";
  const auto slices = sample_slices({folder.write("a.csv", text)}, kPlain);
  ASSERT_EQ(slices.size(), 1U);
  EXPECT_EQ(slices[0].length, text.size() - 2);
}

TEST(CsvSample, IsSpreadOverFilesAndBounded) {
  TemporaryDirectory folder;
  for (int i = 0; i < 300; ++i)
    folder.write(std::to_string(1000 + i) + ".csv", "a\n" + std::string(500, '1') + "\n");
  folder.write("2000.csv", "");
  folder.write("notes.txt", "x");
  const auto sample_of_all = [&](const SliceSampleOptions& options) {
    auto listing = open_listing(Input{}, kPlain, {folder.path(), std::nullopt});
    return sample_slices(**listing, folder / "", kPlain, options);
  };
  SliceSampleOptions options;
  options.max_files = 10;
  options.total_bytes = 3000;
  const auto slices = sample_of_all(options);
  ASSERT_TRUE(slices.ok());
  EXPECT_EQ(slices->size(), 5U);
  options.total_bytes = 1U << 20U;
  const auto more = sample_of_all(options);
  EXPECT_EQ(more->size(), 9U);  // the last file of the ten is the empty one
  EXPECT_EQ(more->front().path, folder / "1000.csv");
  EXPECT_GT(more->back().path, folder / "1250.csv");
}

}  // namespace
}  // namespace parallelrun
