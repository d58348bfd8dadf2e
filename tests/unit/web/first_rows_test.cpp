#include "runner/web/first_rows.h"

#include <gtest/gtest.h>

namespace parallelrun::web {
namespace {

std::string rows(std::string_view text, const std::string& format, std::size_t limit = 100,
                 bool whole = true) {
  return first_rows(text, format, limit, whole).dump();
}

TEST(FirstRows, OfTextAreItsLines) {
  EXPECT_EQ(rows("<b>a</b> 1\nb 2\n", "text"),
            R"({"columns":null,"rows":[["<b>a</b> 1"],["b 2"]],"truncated":false})");
  EXPECT_EQ(rows("a\nb\nc\n", "text", 2), R"({"columns":null,"rows":[["a"],["b"]],"truncated":true})");
  EXPECT_EQ(rows("a\nb", "text", 9, false), R"({"columns":null,"rows":[["a"]],"truncated":true})");
  EXPECT_EQ(rows("", "text"), R"({"columns":null,"rows":[],"truncated":false})");
}

TEST(FirstRows, OfCsvHaveColumns) {
  EXPECT_EQ(rows("a,b\r\n1,\"x,\"\"y\"\"\nz\"\n2,\n", "csv"),
            R"({"columns":["a","b"],"rows":[["1","x,\"y\"\nz"],["2",""]],"truncated":false})");
  EXPECT_EQ(rows("a,b\n1,2\n3,4\n", "csv", 1),
            R"({"columns":["a","b"],"rows":[["1","2"]],"truncated":true})");
  EXPECT_EQ(rows("a\n\"cut off", "csv", 9, false), R"({"columns":["a"],"rows":[],"truncated":true})");
}

TEST(FirstRows, OfJsonLinesHaveAllKeysAsColumns) {
  EXPECT_EQ(rows("{\"b\":1,\"a\":\"x\"}\n{\"a\":null,\"c\":[1,2]}\n", "jsonl"),
            R"({"columns":["b","a","c"],"rows":[["1","x",null],[null,"null","[1,2]"]],"truncated":false})");
  EXPECT_EQ(rows("{\"b\":1}\n3\n", "jsonl"),
            R"({"columns":null,"rows":[["{\"b\":1}"],["3"]],"truncated":false})");
  EXPECT_EQ(rows("{broken\n", "jsonl"), R"({"columns":null,"rows":[["{broken"]],"truncated":false})");
}

TEST(FirstRows, CellsAndColumnsAreBounded) {
  EXPECT_LT(rows(std::string(100'000, 'x') + "\n", "text").size(), 5'000U);
  std::string wide;
  for (int i = 0; i < 5'000; ++i) wide += "x,";
  EXPECT_LT(rows(wide + "\n", "csv").size(), 10'000U);
}

}  // namespace
}  // namespace parallelrun::web
