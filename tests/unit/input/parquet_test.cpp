#include "runner/input/parquet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "common/json/json.h"
#include "runner/input/glob.h"
#include "runner/input/parquet_chunks.h"
#include "runner/input/parquet_footer.h"
#include "runner/input/slice_hash.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

using test::TemporaryDirectory;
using testing::ElementsAre;
using Check = FileSlice::Check;

// Writes Thrift's compact protocol.
class Thrift {
 public:
  Thrift& integer(int id, std::int64_t value) {
    head(id, 6);
    const auto bits = static_cast<std::uint64_t>(value);
    varint((bits << 1U) ^ (value < 0 ? ~std::uint64_t{0} : 0));
    return *this;
  }
  Thrift& text(int id, std::string_view value) {
    head(id, 8);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Thrift& list(int id, const std::vector<Thrift>& structs) {
    head(id, 9);
    bytes_ += static_cast<char>(0xFC);  // 15: the size follows; structs
    varint(structs.size());
    for (const Thrift& one : structs) bytes_ += one.bytes() + '\0';
    return *this;
  }
  Thrift& raw(int id, int type, std::string_view value) {
    head(id, type);
    bytes_ += value;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void head(int id, int type) {
    if (id > before_ && id - before_ <= 15) {
      bytes_ += static_cast<char>((id - before_) << 4 | type);
    } else {
      bytes_ += static_cast<char>(type);
      varint(static_cast<std::uint64_t>(id) << 1U);
    }
    before_ = id;
  }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) bytes_ += static_cast<char>(value | 0x80U);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
  int before_ = 0;
};

using Groups = std::vector<std::pair<std::int64_t, std::int64_t>>;  // rows, bytes

Thrift column(std::string_view name) { return Thrift().integer(1, 2).integer(3, 1).text(4, name); }

std::string metadata(const Groups& groups, const std::vector<Thrift>& columns = {column("a"), column("b")},
                     std::int64_t more_rows = 0) {
  std::vector<Thrift> schema{
      Thrift().text(4, "schema").integer(5, static_cast<std::int64_t>(columns.size()))};
  for (const Thrift& one : columns) schema.push_back(one);
  std::vector<Thrift> row_groups;
  std::int64_t rows = more_rows;
  for (const auto& [count, bytes] : groups) {
    // With what is passed over: columns before, a sort order and a double behind.
    row_groups.push_back(Thrift()
                             .list(1, {Thrift().integer(2, 4).raw(3, 12, std::string("\x15\x02\0", 3))})
                             .integer(2, bytes)
                             .integer(3, count)
                             .raw(4, 7, "12345678"));
    rows = static_cast<std::int64_t>(static_cast<std::uint64_t>(rows) + static_cast<std::uint64_t>(count));
  }
  return Thrift()
             .integer(1, 2)
             .list(2, schema)
             .integer(3, rows)
             .list(4, row_groups)
             .list(5, {Thrift().text(1, "pandas").text(2, "{}")})
             .text(6, "a writer")
             .bytes() +
         '\0';
}

std::string file_of(const std::string& thrift, const std::string& data = std::string(100, 'd')) {
  std::string file = "PAR1" + data + thrift;
  for (unsigned shift = 0; shift < 32; shift += 8) file += static_cast<char>(thrift.size() >> shift);
  return file + "PAR1";
}

std::vector<FileSlice> cut_parquet(const std::string& path, std::uint64_t bytes) {
  const auto cutter = ParquetFormat{Input{}}.slices(bytes);
  cutter->start(path);
  std::vector<FileSlice> slices;
  while (auto slice = cutter->next()) slices.push_back(*std::move(slice));
  return slices;
}

// The rows of each slice; each begins where the one before ended.
std::vector<std::uint64_t> rows_of(const std::vector<FileSlice>& slices) {
  std::vector<std::uint64_t> rows;
  std::uint64_t first = 1;
  for (const FileSlice& slice : slices) {
    EXPECT_EQ(slice.first_row, first);
    rows.push_back(slice.records);
    first += slice.records;
  }
  return rows;
}

TEST(ParquetFooter, HasRowGroupsAndColumns) {
  const std::vector<Thrift> columns{column("a"), Thrift().text(4, "group").integer(5, 1),
                                    Thrift().text(4, "list").integer(5, 1), column("element"),
                                    column("\xC3\xA4")};
  std::string thrift = metadata({{3, 40}, {0, 0}, {2, -1}},
                                {column("a"), Thrift().text(4, "group").integer(5, 1), column("\xC3\xA4")});
  EXPECT_FALSE(parse_parquet_metadata(thrift).ok()) << "a child of the group is missing";

  std::vector<Thrift> tree{Thrift().text(4, "schema").integer(5, 3)};
  for (const Thrift& one : columns) tree.push_back(one);
  thrift = Thrift()
               .list(2, tree)
               .integer(3, 5)
               .list(4, {Thrift().integer(2, 40).integer(3, 3), Thrift().integer(2, 0).integer(3, 0),
                         Thrift().integer(2, -1).integer(3, 2)})
               .bytes() +
           '\0';
  const auto footer = parse_parquet_metadata(thrift);
  ASSERT_TRUE(footer.ok()) << footer.error().message;
  EXPECT_THAT(footer->column_names, ElementsAre("a", "group", "\xC3\xA4"));
  EXPECT_EQ(footer->rows, 5U);
  ASSERT_EQ(footer->groups.size(), 2U) << "one without a row";
  EXPECT_EQ(footer->groups[0].rows, 3U);
  EXPECT_EQ(footer->groups[0].bytes, 40U);
  EXPECT_EQ(footer->groups[1].bytes, 0U);
}

TEST(ParquetFooter, EveryPrefixAndOtherNumbersAreRefused) {
  const std::string whole = metadata({{3, 40}, {2, 9}});
  ASSERT_TRUE(parse_parquet_metadata(whole).ok());
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_parquet_metadata(whole.substr(0, size)).ok()) << size;
  EXPECT_FALSE(parse_parquet_metadata(metadata({{-1, 40}})).ok());
  EXPECT_FALSE(parse_parquet_metadata(metadata({{3, 40}}, {column("a")}, 1)).ok()) << "more rows than groups";
  EXPECT_FALSE(parse_parquet_metadata(metadata({{INT64_MAX, 40}, {INT64_MAX, 40}})).ok()) << "too many rows";
  EXPECT_FALSE(parse_parquet_metadata("").ok());
  EXPECT_FALSE(parse_parquet_metadata(std::string(100'000, '\x1C')).ok()) << "structs in structs";
  // A list of as many elements as 64 bits count, without any.
  EXPECT_FALSE(parse_parquet_metadata("\x49\xFC\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01").ok());
  EXPECT_FALSE(parse_parquet_metadata("\x16\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01").ok());
}

// A chunk of a column: 7 total_compressed_size, 9 data_page_offset, 11 dictionary_page_offset.
Thrift chunk(std::int64_t data, std::int64_t size, std::int64_t dictionary = 0) {
  Thrift place;
  place.integer(7, size).integer(9, data);
  if (dictionary > 0) place.integer(11, dictionary);
  return Thrift().integer(2, 4).raw(3, 12, place.bytes() + '\0');
}

// Two row groups (and one without rows) of the columns a, s.x, s.y, b; `noted` of pandas.
std::string with_chunks(std::string_view noted, const Thrift& last = chunk(900'000, 50)) {
  const std::vector<Thrift> tree{Thrift().text(4, "schema").integer(5, 3),
                                 column("a"),
                                 Thrift().text(4, "s").integer(5, 2),
                                 column("x"),
                                 column("y"),
                                 column("b")};
  const auto group = [](std::int64_t rows, std::vector<Thrift> chunks) {
    return Thrift().list(1, chunks).integer(2, 10).integer(3, rows);
  };
  return Thrift()
             .list(2, tree)
             .integer(3, 5)
             .list(4,
                   {group(3, {chunk(4, 100), chunk(200'000, 100, 199'000), chunk(300'000, 100),
                              chunk(400'000, 100)}),
                    group(0, {}), group(2, {chunk(500'000, 9), chunk(600'000, 9), chunk(700'000, 9), last})})
             .list(5, {Thrift().text(1, "pandas").text(2, noted)})
             .bytes() +
         '\0';
}

TEST(ParquetChunks, AreThoseOfTheColumnsThatAreRead) {
  const auto offsets = [](std::vector<std::string> columns, std::string_view noted, std::size_t group = 0,
                          const Thrift& last = chunk(900'000, 50)) {
    const std::string thrift = with_chunks(noted, last);
    EXPECT_TRUE(parse_parquet_metadata(thrift).ok());
    const auto found = parquet_chunks(thrift, std::move(columns));
    EXPECT_EQ(found.size(), 2U) << "one without a row";
    std::vector<std::uint64_t> begins;
    if (!found.at(group)) return std::vector<std::uint64_t>{1};
    for (const ByteRange& one : *found[group]) begins.push_back(one.offset);
    return begins;
  };
  constexpr std::string_view kNoIndex = R"({"index_columns": [{"kind": "range", "start": 0}]})";
  EXPECT_THAT(offsets({"a"}, kNoIndex), ElementsAre(4));
  EXPECT_THAT(offsets({"b", "a"}, kNoIndex, 1), ElementsAre(500'000, 900'000));
  EXPECT_THAT(offsets({"s"}, kNoIndex), ElementsAre(199'000, 300'000))
      << "all that is nested, with dictionaries";
  EXPECT_THAT(offsets({"missing"}, kNoIndex), ElementsAre());
  EXPECT_THAT(offsets({}, kNoIndex), ElementsAre(4, 199'000, 300'000, 400'000));
  EXPECT_THAT(offsets({"a"}, R"({"index_columns": ["b"]})"), ElementsAre(4, 400'000))
      << "pandas reads it, too";
  EXPECT_THAT(offsets({"a"}, "no JSON").size(), 4U) << "which columns are the index is not known";
  EXPECT_THAT(offsets({"a"}, kNoIndex, 1, chunk(-1, 5)), ElementsAre(500'000));
  EXPECT_THAT(offsets({"b"}, kNoIndex, 1, chunk(-1, 5)), ElementsAre(1)) << "where it lies is not known";
  EXPECT_THAT(offsets({"b"}, kNoIndex, 1, chunk(INT64_MAX, 5)), ElementsAre(1));
  EXPECT_THAT(offsets({"b"}, kNoIndex, 1, chunk(900'000, 50).text(1, "elsewhere")), ElementsAre(1));
  // Whatever it says, it ends.
  const std::string whole = with_chunks(kNoIndex);
  for (std::size_t size = 0; size < whole.size(); ++size) parquet_chunks(whole.substr(0, size), {"a"});
}

TEST(ParquetChunks, NearOnesAreOneRange) {
  EXPECT_THAT(joined_ranges({}, 100), ElementsAre());
  EXPECT_THAT(joined_ranges({{500, 100}, {4, 100}}, 100'000), ElementsAre(ByteRange{4, 724}));
  EXPECT_THAT(joined_ranges({{4, 100}, {500'000, 10}}, 500'010),
              ElementsAre(ByteRange{4, 228}, ByteRange{500'000, 10}));
  std::vector<ByteRange> many;
  for (std::uint64_t i = 0; i < 1000; ++i) many.push_back({i * 1'000'000, 10});
  const auto few = joined_ranges(many, 1'000'000'000);
  EXPECT_LE(few.size(), 256U);
  EXPECT_EQ(few.back().end(), 999'000'138U);
}

TEST(ParquetCutter, JoinsSmallRowGroupsAndSplitsLargeOnes) {
  TemporaryDirectory root;
  const auto rows = [&root](const Groups& groups, std::uint64_t bytes) {
    const std::string path = root.write("a", file_of(metadata(groups)));
    const auto slices = cut_parquet(path, bytes);
    // From each of them on, the rest is the same.
    for (std::size_t i = 0; i < slices.size(); ++i) {
      const auto cutter = ParquetFormat{Input{}}.slices(bytes);
      cutter->resume_after(slices[i]);
      for (std::size_t k = i + 1; k < slices.size(); ++k) {
        const auto again = cutter->next();
        EXPECT_TRUE(again.has_value());
        if (again) {
          EXPECT_EQ(encode(DescriptorKind::kParquetSlice, *again),
                    encode(DescriptorKind::kParquetSlice, slices[k]));
        }
      }
      EXPECT_FALSE(cutter->next().has_value());
    }
    return rows_of(slices);
  };
  EXPECT_THAT(rows({{10, 100}, {10, 100}}, 100), ElementsAre(10, 10));
  EXPECT_THAT(rows({{1, 40}, {2, 40}, {4, 40}, {8, 20}, {16, 10}}, 100), ElementsAre(3, 28));
  EXPECT_THAT(rows({{1, 40}, {2, 140}, {4, 40}}, 100), ElementsAre(1, 2, 4)) << "nearer to one than to two";
  EXPECT_THAT(rows({{10, 151}}, 100), ElementsAre(5, 5));
  EXPECT_THAT(rows({{10, 400}, {3, 10}}, 100), ElementsAre(3, 3, 2, 2, 3));
  EXPECT_THAT(rows({{2, 1'000'000}}, 1), ElementsAre(1, 1)) << "no slice without a row";
  EXPECT_THAT(rows({{5, INT64_MAX}}, UINT64_MAX), ElementsAre(5));
  EXPECT_THAT(rows({{50, 0}, {50, 0}}, 50), ElementsAre(50, 50)) << "by their share of the file";
  EXPECT_THAT(rows({{10, 1}, {0, 0}, {10, 1}}, 100), ElementsAre(20));
  EXPECT_LT(rows({{INT64_MAX, INT64_MAX}}, std::uint64_t{1} << 24U).size(), 100U) << "made up";
}

TEST(ParquetCutter, KnowsAFileAgainByItsFooter) {
  TemporaryDirectory root;
  const std::string thrift = metadata({{10, 100}, {10, 100}});
  const std::string content = file_of(thrift);
  const std::string path = root.write("a", content);
  const auto slices = cut_parquet(path, 100);
  ASSERT_EQ(slices.size(), 2U);
  for (const FileSlice& slice : slices) {
    EXPECT_EQ(slice.check, Check::kBytes);
    EXPECT_EQ(slice.offset, content.size() - thrift.size() - 8);
    EXPECT_EQ(slice.length, thrift.size() + 8);
    EXPECT_EQ(slice.hash, slice_hash(content.substr(slice.offset)));
    EXPECT_EQ(slice.file_size, content.size());
  }
  for (const std::string& other : {file_of(metadata({{10, 100}, {9, 100}})), file_of(thrift, "other length"),
                                   std::string("PAR1"), std::string()}) {
    root.write("a", other);
    const auto cutter = ParquetFormat{Input{}}.slices(100);
    cutter->resume_after(slices[0]);
    const auto rest = cutter->next();
    ASSERT_TRUE(rest.has_value());
    EXPECT_EQ(rest->check, Check::kChanged);
    EXPECT_EQ(rest->first_row, 11U);
    EXPECT_FALSE(cutter->next().has_value());
    cutter->resume_after(*rest);
    EXPECT_FALSE(cutter->next().has_value()) << "all that was left has failed";
    cutter->resume_after(slices[1]);
    EXPECT_FALSE(cutter->next().has_value()) << "nothing was left";
  }
}

TEST(ParquetCutter, WhatCannotBeReadIsOneRecordOfTheWorkers) {
  TemporaryDirectory root;
  const std::string whole = file_of(metadata({{10, 100}}));
  for (const std::string& content :
       {whole.substr(0, whole.size() / 2), std::string(), std::string("a,b\n1,2\n"), "PARE" + whole.substr(4),
        whole.substr(0, whole.size() - 4) + "PARE", "PAR1" + std::string("\xFF\xFF\xFF\x0FPAR1"),
        file_of(metadata({{10, 100}}).substr(1))}) {
    const std::string path = root.write("a", content);
    const auto slices = cut_parquet(path, 1);
    ASSERT_EQ(slices.size(), 1U) << content;
    EXPECT_EQ(slices[0].check, Check::kSize);
    EXPECT_EQ(slices[0].records, 1U);
    EXPECT_EQ(slices[0].length, 0U);
    const auto cutter = ParquetFormat{Input{}}.slices(1);
    cutter->resume_after(slices[0]);
    EXPECT_FALSE(cutter->next().has_value());
  }
  EXPECT_EQ(cut_parquet(root / "missing", 1).size(), 1U);
}

TEST(ParquetCutter, AFileWithoutRowsGivesNone) {
  TemporaryDirectory root;
  for (const Groups& groups : {Groups{}, Groups{{0, 0}, {0, 10}}}) {
    const auto cutter = ParquetFormat{Input{}}.slices(1);
    cutter->start(root.write("a", file_of(metadata(groups))));
    EXPECT_FALSE(cutter->next().has_value());
    EXPECT_EQ(cutter->without_records(), PassedKind::kEmptyTable);
  }
}

TEST(ParquetFormat, TellsOtherColumns) {
  TemporaryDirectory root;
  const auto header = [&root](const std::vector<Thrift>& columns, const Input& input = {}) {
    const auto cutter = ParquetFormat{input}.slices(1);
    cutter->start(root.write("a", file_of(metadata({{1, 1}}, columns))));
    return cutter->next()->header;
  };
  const ParquetFormat format{Input{}};
  const std::string first = header({column("a"), column("b")});
  EXPECT_EQ(format.other_header(first, header({column("a"), column("b")})), std::nullopt);
  EXPECT_EQ(format.other_header(first, header({column("b"), column("a")})), PassedKind::kOtherColumnOrder);
  EXPECT_EQ(format.other_header(first, header({column("a"), column("c")})), PassedKind::kOtherColumns);
  EXPECT_EQ(format.other_header(first, header({column("ab")})), PassedKind::kOtherColumns);
  Input declared;
  declared.columns = {{"a", ColumnType::kString}};
  EXPECT_EQ(format.other_header(header({column("a"), column("b")}, declared),
                                header({column("c"), column("a")}, declared)),
            std::nullopt)
      << "what is not read does not count";
}

TEST(ParquetFormat, GivesAPartOfAMiniBatch) {
  TemporaryDirectory root;
  const ParquetFormat format{Input{}};
  auto slices = cut_parquet(root.write("a", file_of(metadata({{10, 100}, {10, 100}}))), 100);
  ASSERT_EQ(slices.size(), 2U);
  slices[1].path = "a";
  const std::string whole = encode(format.kind(), slices[1]);
  const auto part = format.part_of(whole, {3, 5}, root / "");
  ASSERT_TRUE(part.ok() && part->has_value());
  EXPECT_EQ((*part)->items, 2U);
  FileSlice expected = slices[1];
  expected.first_row = 14;
  expected.records = 2;
  EXPECT_EQ((*part)->descriptor, encode(format.kind(), expected));
  EXPECT_EQ(format.part_of(whole, {0, 10}, root / "").value()->descriptor, whole);
  for (const ItemRange none : {ItemRange{0, 11}, ItemRange{3, 3}, ItemRange{5, 3}}) {
    EXPECT_EQ(format.part_of(whole, none, root / "").error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(format.part_of("junk", {0, 1}, root / "").error().code, ErrorCode::kCorrupt);
  slices[1].check = Check::kSize;
  EXPECT_FALSE(format.part_of(encode(format.kind(), slices[1]), {0, 1}, root / "").value().has_value());
}

TEST(ParquetFormat, TakesItsEndings) {
  const auto glob = Glob::compile(ParquetFormat{Input{}}.default_glob());
  ASSERT_TRUE(glob.ok());
  for (const char* name : {"a.parquet", "b/c.PARQUET", "part-0.snappy.parquet", "d.pq"})
    EXPECT_TRUE(glob->matches(name));
  for (const char* name : {"a.csv", "parquet", "c.parquet.crc", "_SUCCESS"})
    EXPECT_FALSE(glob->matches(name));
}

TEST(ParquetFormat, TellsTheWorkerWhichColumnsAreRead) {
  Input input;
  input.columns = {{"a", ColumnType::kString}};
  nlohmann::json entry;
  ParquetFormat{input}.tell_worker(entry);
  EXPECT_EQ(entry, (nlohmann::json{{"columns", {{"a", "string"}}}}));
}

}  // namespace
}  // namespace parallelrun
