// What each output format makes of the rows of mini-batches.
#include "runner/output/row_file.h"

#include <gtest/gtest.h>

#include "runner/output/checksum.h"
#include "runner/output/staged_rows.h"
#include "runner/wire/wire.h"
#include "tests/unit/output/memory_storage.h"

namespace parallelrun {
namespace {

class Rows {
 public:
  explicit Rows(OutputFormat format) : file_(row_file_maker(format)(storage_.open("rows").value())) {}

  Result<Appended> append(const std::vector<std::string>& rows) { return file_->append(rows, {}); }
  RowFile& file() { return *file_; }
  const std::string& content() { return storage_.at("rows"); }

 private:
  MemoryStorage storage_;
  std::unique_ptr<RowFile> file_;
};

TEST(RowFile, OfTextTakesLinesAndEndsEachMiniBatchWithALineBreak) {
  Rows rows(OutputFormat::kText);
  const auto first = rows.append({"a\nb\n", "", "c"});
  ASSERT_TRUE(first);
  EXPECT_EQ(rows.content(), "a\nb\nc\n");
  EXPECT_EQ(first->length, 6U);
  EXPECT_EQ(first->checksum, checksum("a\nb\nc\n"));
  const auto second = rows.append({"d\n"});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->length, 2U);
  EXPECT_EQ(second->checksum, checksum("d\n")) << "of what was added alone";
}

TEST(RowFile, OfTextTakesLargeAndSmallPiecesInTheirOrder) {
  const std::string large(3U << 20U, 'x');
  Rows rows(OutputFormat::kText);
  const auto added = rows.append({"a\n", large, "b\n"});
  ASSERT_TRUE(added);
  const std::string expected = "a\n" + large + "\nb\n";
  EXPECT_EQ(rows.content(), expected);
  EXPECT_EQ(added->length, expected.size());
  EXPECT_EQ(added->checksum, checksum(expected));
}

TEST(RowFile, OfJsonlTakesAValueOnEachLine) {
  Rows rows(OutputFormat::kJsonl);
  const std::string lines = "{\"a\":1}\n[]\n\"x\"\n-1.5e+300\n0\ntrue\nfalse\nnull\n{}\n";
  const auto added = rows.append({lines, "", "7\n"});
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ(rows.content(), lines + "7\n");
  EXPECT_EQ(added->length, lines.size() + 2);
  EXPECT_EQ(added->checksum, checksum(lines + "7\n"));
}

TEST(RowFile, OfJsonlRefusesLinesThatAreNoValueBeforeItWritesAnything) {
  for (const char* wrong :
       {"{\"a\":1}", "\n", "f000001.txt\n", "a.png: 7\n", "{\"a\":1\n", "[1\n", "\"x\n", "\"\n", "{\n",
        "NaN\n", "-Infinity\n", "True\n", "1\n\n2\n", "1\n2\n{\"a\"", " 1\n", "1 \n"}) {
    Rows rows(OutputFormat::kJsonl);
    const auto added = rows.append({"{}\n", wrong});
    ASSERT_FALSE(added) << wrong;
    EXPECT_EQ(added.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(added.error().message.find("output.format is jsonl"), std::string::npos);
    EXPECT_EQ(rows.content(), "") << wrong;
  }
}

TEST(RowFile, OfCsvHasOneHeader) {
  Rows rows(OutputFormat::kCsv);
  const auto first = rows.append({"", "a,\"b\n,\"\"\"\n1,2\n", "a,\"b\n,\"\"\"\n\"x\n,\",\n"});
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(rows.content(), "a,\"b\n,\"\"\"\n1,2\n\"x\n,\",\n");
  EXPECT_EQ(first->length, rows.content().size());
  EXPECT_EQ(first->checksum, checksum(rows.content()));
  const auto second = rows.append({"a,\"b\n,\"\"\"\n3,4\n"});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->length, 4U);
  EXPECT_EQ(second->checksum, checksum("3,4\n"));
  EXPECT_TRUE(rows.content().ends_with(",\n3,4\n"));
}

TEST(RowFile, OfCsvGoesOnUnderTheHeaderThatIsThere) {
  for (const std::string& name : {std::string("a"), std::string(200'000, 'x')}) {
    MemoryStorage storage;
    for (int i = 0; i < 2; ++i) {
      const auto file = row_file_maker(OutputFormat::kCsv)(storage.open("rows").value());
      ASSERT_TRUE(file->append({name + ",b\n1,2\n"}, {}));
    }
    EXPECT_EQ(storage.at("rows"), name + ",b\n1,2\n1,2\n");
    auto check = row_file_maker(OutputFormat::kCsv)(storage.open("rows").value())->row_check();
    ASSERT_TRUE(check);
    std::string same = name + ",b\n3,4\n";
    std::string other = "c,b\n3,4\n";
    EXPECT_TRUE((*check)->admit(same));
    EXPECT_FALSE((*check)->admit(other));
  }
}

TEST(RowFile, OfCsvRefusesWhatIsNoTableUnderItsHeaderBeforeItWritesAnything) {
  for (const char* wrong : {"a,b", "a,b\n1,2", "a,b\n1\n", "a,b\n1,2,3\n", "a\n1\n", "b,a\n1,2\n",
                            "a,b\n\"1,2\n", "a,b\n\n", "\n", "a,b\n1,\"\n2\n"}) {
    Rows rows(OutputFormat::kCsv);
    const auto added = rows.append({"a,b\n1,2\n", wrong});
    ASSERT_FALSE(added) << wrong;
    EXPECT_EQ(added.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(added.error().message.find("output.format is csv"), std::string::npos);
    EXPECT_EQ(rows.content(), "") << wrong;
  }
}

TEST(StagedRows, KnowTheColumnsAfterARestartAndJudgeRowsBeforeTheyAreStaged) {
  MemoryStorage storage;
  Output output;
  output.format = OutputFormat::kCsv;
  output.order = OutputOrder::kInput;
  EXPECT_TRUE(is_staged(output));
  {
    const auto file = row_file_maker(output)(storage.open("staged").value());
    ASSERT_TRUE(file->append({"a,b\n1,2\n", ""}, {{{7}}, {{8}}}));
    EXPECT_FALSE(file->append({"a\n1\n"}, {{{9}}}));
  }
  const std::string before = storage.at("staged");
  const auto file = row_file_maker(output)(storage.open("staged").value());
  auto check = file->row_check();
  ASSERT_TRUE(check);
  std::string same = "b,a\n4,3\n";
  std::string other = "c,b\n3,4\n";
  EXPECT_TRUE((*check)->admit(same));
  EXPECT_EQ(same, "a,b\n3,4\n");
  EXPECT_FALSE((*check)->admit(other));
  EXPECT_FALSE(file->append({"b,a\n3,4\n"}, {{{3}}}));
  EXPECT_EQ(storage.at("staged"), before);
  ASSERT_TRUE(file->append({same}, {{{3}}}));
  const auto sealed = file->seal(storage, "rows");
  ASSERT_TRUE(sealed) << sealed.error().message;
  EXPECT_EQ(storage.at("rows"), "a,b\n3,4\n1,2\n");
  EXPECT_EQ((*sealed)->length, storage.at("rows").size());
  EXPECT_EQ((*sealed)->checksum, checksum(storage.at("rows")));
}

TEST(StagedRows, OfManyMiniBatchesAndOfLargeOnes) {
  MemoryStorage storage;
  Output output;
  output.order = OutputOrder::kInput;
  const auto file = row_file_maker(output)(storage.open("staged").value());
  constexpr std::uint64_t kMany = 5'000;
  std::string expected;
  for (std::uint64_t i = 0; i < kMany; ++i) {
    const std::uint64_t id = (i * 7 + 3) % kMany;
    const std::size_t size = id % 1000 == 0 ? (5U << 20U) : 1;
    const std::uint64_t far = id * 1000;  // more than are sealed at once
    ASSERT_TRUE(file->append({std::to_string(id) + std::string(size, ' ') + "\n"}, {{{far}}}));
  }
  for (std::uint64_t id = 0; id < kMany; ++id)
    expected += std::to_string(id) + std::string(id % 1000 == 0 ? (5U << 20U) : 1, ' ') + "\n";
  ASSERT_TRUE(file->seal(storage, "rows"));
  EXPECT_TRUE(storage.at("rows") == expected);
}

TEST(StagedRows, ThatAreDamagedAreNotSealed) {
  MemoryStorage storage;
  Output output;
  output.order = OutputOrder::kInput;
  {
    const auto file = row_file_maker(output)(storage.open("staged").value());
    ASSERT_TRUE(file->append({"a\n", "b\n"}, {{{0}}, {{1}}}));
  }
  storage.at("staged")[12] ^= 1;
  const auto file = row_file_maker(output)(storage.open("staged").value());
  const auto sealed = file->seal(storage, "rows");
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error().code, ErrorCode::kCorrupt);
  EXPECT_FALSE(storage.files.contains("rows"));
}

TEST(RowCheck, OfFormatsWithoutColumnsIsNone) {
  for (const OutputFormat format : {OutputFormat::kText, OutputFormat::kJsonl}) {
    const auto check = Rows(format).file().row_check();
    ASSERT_TRUE(check);
    EXPECT_EQ(*check, nullptr);
  }
}

// What a worker sends before the rows.
std::string parquet_head(const std::string& columns) {
  std::string rows;
  wire::Writer(rows).bytes("{\"columns\": [" + columns + "], \"pandas\": null}");
  return rows;
}

TEST(RowCheck, OfParquetTakesTheTypesOfTheFirstThatHasAValue) {
  const auto check = Rows(OutputFormat::kParquet).file().row_check().value();
  const auto admitted = [&check](const std::string& columns) {
    std::string rows = parquet_head(columns);
    const Status fits = check->admit(rows);
    return fits ? std::string("yes") : fits.error().message;
  };
  std::string none;
  EXPECT_TRUE(check->admit(none)) << "a mini-batch without rows";
  EXPECT_EQ(admitted(R"(["a","double",null,false],["b","null",null,false])"), "yes");
  EXPECT_EQ(admitted(R"(["b","string",null,true],["a","int64",null,true])"), "yes") << "in another order";
  EXPECT_EQ(admitted(R"(["a","int64","Int64",true],["b","string",null,true])"), "yes");
  EXPECT_EQ(admitted(R"(["a","double",null,false],["b","bool",null,false])"), "yes") << "without a value";
  EXPECT_NE(admitted(R"(["a","double",null,true],["b","string",null,true])")
                .find("the column a with the type double, but earlier results of this job have int64"),
            std::string::npos);
  EXPECT_NE(
      admitted(R"(["a","int64",null,true])").find("columns a, but the first result of this job has a, b"),
      std::string::npos);
  EXPECT_NE(admitted(R"(["a","int64",null,true],["c","string",null,true])").find("the columns a, c"),
            std::string::npos);
  EXPECT_NE(admitted(R"(["a","list<item: int64>",null,true],["b","string",null,true])").find("have int64"),
            std::string::npos);
  EXPECT_NE(admitted(R"(["a","int64",null])").find("no part of a Parquet file"), std::string::npos);
  EXPECT_NE(admitted("").find("no part of a Parquet file"), std::string::npos);
}

TEST(RowCheck, OfParquetTakesFieldsWithoutAValueBesideOthers) {
  const auto first = [](const char* shape) {
    const std::shared_ptr<RowCheck> check = Rows(OutputFormat::kParquet).file().row_check().value();
    return std::pair(check, shape);
  };
  const auto admitted = [](RowCheck& check, const std::string& shape) {
    const nlohmann::json column = {"a", "the type of " + shape, nullptr, true, shape};
    std::string rows = parquet_head(column.dump());
    return check.admit(rows).ok();
  };
  struct Case {
    const char* first;
    const char* other;
    bool fits;
  };
  const Case cases[] = {
      {R"(["list","null"])", R"(["list","int64"])", true},
      {R"(["list","null"])", R"(["list",["list","null"]])", false},
      {R"(["list","null"])", R"(["list",["struct",["a","null"]]])", false},
      {R"(["list","string"])", R"(["list","int64"])", false},
      {R"(["struct",["x","null"],["y","int64"]])", R"(["struct",["x","double"],["y","int64"]])", true},
      {R"(["struct",["x","null"],["y","int64"]])", R"(["struct",["x","double"],["y","null"]])", true},
      {R"(["struct",["x","null"],["y","int64"]])", R"(["struct",["x","double"],["y","string"]])", false},
      {R"(["struct",["x","null"]])", R"(["struct",["x","null"],["y","int64"]])", false},
      {R"(["struct",["x","null"]])", R"(["struct",["y","int64"]])", false},
      {R"(["struct",["x","null"]])", R"(["struct",["x",["list","int64"]]])", false},
      {R"(["struct",["x","null"]])", R"(["struct",["x","fixed_size_list<item: int64>[2]"]])", false},
      {R"(["map","string","null"])", R"(["map","string","int64"])", true},
      {R"(["struct",["x","null"],["y","int64"]])", R"(["struct",["x","duration[us]"],["y","int64"]])", true},
  };
  for (const Case& one : cases) {
    for (const bool turned : {false, true}) {
      const auto [check, shape] = first(turned ? one.other : one.first);
      ASSERT_TRUE(admitted(*check, shape));
      EXPECT_EQ(admitted(*check, turned ? one.first : one.other), one.fits) << one.first << " " << one.other;
    }
  }
}

TEST(RowCheck, OfParquetTakesNoTypeThatArrowsSchemaOfTheFirstLacks) {
  const std::shared_ptr<RowCheck> check = Rows(OutputFormat::kParquet).file().row_check().value();
  std::string first =
      parquet_head(R"(["a","first",null,true,"[\"struct\",[\"x\",\"null\"],[\"y\",\"int64\"]]"])");
  std::string other =
      parquet_head(R"(["a","other",null,true,"[\"struct\",[\"x\",\"duration[us]\"],[\"y\",\"null\"]]"])");
  ASSERT_TRUE(check->admit(first));
  EXPECT_FALSE(check->admit(other));
}

TEST(RowFile, OfParquetRefusesWhatIsNoPieceOfOneBeforeItWritesAnything) {
  const std::string head = parquet_head(R"(["a","int64",null,true])");
  for (const std::string& wrong :
       {std::string("a\n"), head, head + std::string(4, '\0'),
        head + std::string(4, '\0') + "PAR1" + std::string(4, '\0') + "PAR1",
        head + std::string(4, '\0') + "PAR1\x01" + std::string(3, '\0') + "PAR1"}) {
    Rows rows(OutputFormat::kParquet);
    const auto added = rows.append({wrong});
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(rows.content(), "");
  }
}

TEST(RowCheck, OfCsvTakesTheColumnsOfTheFirst) {
  const auto check = Rows(OutputFormat::kCsv).file().row_check().value();
  const auto admitted = [&check](std::string rows) {
    const Status fits = check->admit(rows);
    return fits ? rows : "refused: " + fits.error().message;
  };
  EXPECT_EQ(admitted(""), "");
  EXPECT_EQ(admitted("a,\"b,c\",d\n1,2,3\n"), "a,\"b,c\",d\n1,2,3\n");
  EXPECT_EQ(admitted("d,a,\"b,c\"\n3,\"x\n\"\",y\",\n,,\n"), "a,\"b,c\",d\n\"x\n\"\",y\",,3\n,,\n")
      << "in another order";
  EXPECT_EQ(admitted(""), "") << "a mini-batch without rows";
  const std::string refused = admitted("a,e,\"b,c\"\n1,2,3\n");
  EXPECT_NE(refused.find("it lacks d; it also has e. With output.format: csv"), std::string::npos) << refused;
  EXPECT_NE(admitted("a,\"b,c\"\n1,2\n").find("it lacks d. "), std::string::npos);
  EXPECT_NE(admitted("a,\"b,c\",d,e\n1,2,3,4\n").find(": it also has e. "), std::string::npos);
  EXPECT_NE(admitted("d,a,\"b,c\"\n1,2\n").find("not CSV"), std::string::npos);
  EXPECT_NE(admitted("no line break").find("not CSV"), std::string::npos);
}

}  // namespace
}  // namespace parallelrun
