#include "runner/process/csv_read.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::array<std::uint32_t, 2> kGapLengths = {2, 4};
constexpr parallelrun_csv_gaps kGaps{"NAnull", kGapLengths.data(), kGapLengths.size()};

// One table of a column of each kind, in the order of the enum.
struct Table {
  std::vector<std::int64_t> whole;
  std::vector<std::uint64_t> natural;
  std::vector<double> floats;
  std::vector<std::uint8_t> bools;
  std::vector<std::int64_t> offsets;
  std::vector<std::uint32_t> begins;
  std::array<std::vector<std::uint8_t>, 5> present;
  std::array<parallelrun_csv_column, 5> columns{};
  std::string text;

  explicit Table(std::size_t rows)
      : whole(rows), natural(rows), floats(rows), bools(rows), offsets(rows + 1), begins(rows) {
    const std::array<void*, 5> values = {whole.data(), natural.data(), floats.data(), bools.data(),
                                         offsets.data()};
    for (std::uint32_t kind = 0; kind < columns.size(); ++kind) {
      present.at(kind).resize(rows);
      columns.at(kind) = {kind, 1, values.at(kind), present.at(kind).data(), begins.data(), 0};
    }
  }

  bool read(std::string_view data) {
    const std::uint64_t rows = whole.size();
    if (parallelrun_csv_read(data.data(), data.size(), ',', &kGaps, columns.data(), columns.size(), rows) ==
        0) {
      return false;
    }
    text.resize(static_cast<std::size_t>(offsets.back()));
    // The begins and offsets say how far it reads. NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage)
    parallelrun_csv_gather(data.data(), begins.data(), offsets.data(), rows, text.data());
    return true;
  }
};

TEST(CsvRead, ReadsEachKindAndItsGaps) {
  Table table(3);
  ASSERT_TRUE(
      table.read("-9223372036854775808,18446744073709551615,-0.5e1,True,one\r\n\r\n7,,NA,null,NA\n"
                 "NA,0,1e-400,false,three"));
  EXPECT_EQ(table.whole, (std::vector<std::int64_t>{INT64_MIN, 7, 0}));
  EXPECT_EQ(table.natural, (std::vector<std::uint64_t>{UINT64_MAX, 0, 0}));
  EXPECT_EQ(table.floats, (std::vector<double>{-5, 0, 0}));
  EXPECT_EQ(table.bools, (std::vector<std::uint8_t>{1, 0, 0}));
  EXPECT_EQ(table.text, "onethree");
  EXPECT_EQ(table.offsets, (std::vector<std::int64_t>{0, 3, 3, 8}));
  EXPECT_EQ(table.present[0], (std::vector<std::uint8_t>{1, 1, 0}));
  EXPECT_EQ(table.present[4], (std::vector<std::uint8_t>{1, 0, 1}));
  for (const auto& column : table.columns) EXPECT_EQ(column.gaps, 1U);
}

TEST(CsvRead, LeavesWhatIsNoPlainValue) {
  const std::string good = "1,2,3,true,x\n";
  EXPECT_TRUE(Table(1).read(good));
  for (const char* data : {
           "+1,2,3,true,x\n",
           " 1,2,3,true,x\n",
           "0x1,2,3,true,x\n",
           "-,2,3,true,x\n",
           "9223372036854775808,2,3,true,x\n",
           "1,-2,3,true,x\n",
           "1,18446744073709551616,3,true,x\n",
           "1,2,.,true,x\n",
           "1,2,1e,true,x\n",
           "1,2,1e+,true,x\n",
           "1,2,inf,true,x\n",
           "1,2,nan,true,x\n",
           "1,2,1e999,true,x\n",
           "1,2,1 ,true,x\n",
           "1,2,3,tRUE,x\n",
           "1,2,3,true\n",
           "1,2,3,true,x,\n",
           "1,2,3,true,x\n \n",
           "\n",
           "",
       }) {
    EXPECT_FALSE(Table(1).read(data)) << data;
  }
  EXPECT_FALSE(Table(1).read(good + good)) << "more records than were said";
  EXPECT_FALSE(Table(2).read(good)) << "fewer";
}

TEST(CsvRead, TextsWithoutGapsAreKept) {
  Table table(1);
  table.columns[4].has_gaps = 0;
  ASSERT_TRUE(table.read("1,2,3,true,NA"));
  EXPECT_EQ(table.text, "NA");
  EXPECT_EQ(table.columns[4].gaps, 0U);
}

std::string random_number(std::mt19937_64& random) {
  std::string text = random() % 2 == 0 ? "-" : "";
  for (std::size_t i = random() % 20; i > 0; --i) text += static_cast<char>('0' + random() % 10);
  if (random() % 2 == 0) text += '.';
  for (std::size_t i = random() % 20; i > 0; --i) text += static_cast<char>('0' + random() % 10);
  if (random() % 3 == 0) text += "e" + std::to_string(static_cast<int>(random() % 40) - 20);
  return text;
}

TEST(CsvRead, FloatsAreTheNearestOnes) {
  std::mt19937_64 random(5);
  std::size_t read = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::string text = random_number(random);
    Table table(1);
    if (!table.read("1,2," + text + ",true,x")) continue;
    if (table.columns[2].gaps != 0) continue;
    ++read;
    char* end = nullptr;
    const double nearest = std::strtod(text.c_str(), &end);
    ASSERT_EQ(*end, '\0') << text;
    // As bits: 0.0 and -0.0 differ.
    ASSERT_EQ(std::bit_cast<std::uint64_t>(table.floats[0]), std::bit_cast<std::uint64_t>(nearest)) << text;
  }
  EXPECT_GT(read, 90'000U);
}

TEST(CsvRead, ManyLongFloatsAreLeft) {
  std::string data;
  for (int i = 0; i < 5000; ++i) data += "1,2,0.12345678901234567890123,true,x\n";
  EXPECT_FALSE(Table(5000).read(data));
}

}  // namespace
