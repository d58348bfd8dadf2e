#include "runner/process/json_read.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

struct JsonColumn {
  std::string key;
  std::uint32_t kind;
  std::vector<std::int64_t> numbers;  // the bits of whatever kind
  std::vector<std::uint8_t> bools;
  std::vector<std::uint8_t> present;
  std::vector<std::uint32_t> begins;
};

class JsonTable {
 public:
  explicit JsonTable(const std::vector<std::pair<std::string, std::uint32_t>>& columns) {
    for (const auto& [key, kind] : columns) columns_.push_back({key, kind, {}, {}, {}, {}});
  }

  bool read(std::string data) {
    // Without a byte behind it, so that a sanitizer sees what is read beyond.
    data_.assign(data.begin(), data.end());
    const std::size_t rows = parallelrun_json_count(data_.data(), data_.size());
    std::vector<parallelrun_json_column> wanted;
    for (JsonColumn& column : columns_) {
      column.numbers.assign(rows + 1, -1);
      column.bools.assign(rows, 7);
      column.present.assign(rows, 7);
      column.begins.assign(rows, 0);
      void* values = column.kind == PARALLELRUN_JSON_BOOL ? static_cast<void*>(column.bools.data())
                                                          : column.numbers.data();
      wanted.push_back({column.key.data(),
                        column.key.size(),
                        column.kind,
                        values,
                        column.present.data(),
                        column.begins.data(),
                        99,
                        99,
                        {}});
    }
    std::vector<std::uint32_t> slots(std::bit_ceil(columns_.size() + 1));
    lines.assign(rows, 0);
    const bool done = parallelrun_json_read(data_.data(), data_.size(), wanted.data(), wanted.size(),
                                            slots.data(), slots.size(), lines.data(), rows) != 0;
    gaps.clear();
    for (const auto& column : wanted) gaps.push_back(column.gaps);
    return done;
  }

  std::vector<std::int64_t> whole(std::size_t number) const {
    const auto& values = columns_.at(number).numbers;
    return {values.begin(), values.end() - 1};
  }
  std::vector<double> floats(std::size_t number) const {
    std::vector<double> values;
    for (const std::int64_t bits : whole(number)) values.push_back(std::bit_cast<double>(bits));
    return values;
  }
  std::vector<std::uint8_t> bools(std::size_t number) const { return columns_.at(number).bools; }
  std::vector<std::uint8_t> present(std::size_t number) const { return columns_.at(number).present; }
  std::vector<std::string> texts(std::size_t number) const {
    const JsonColumn& column = columns_.at(number);
    std::vector<char> text(static_cast<std::size_t>(column.numbers.back()));
    parallelrun_json_gather(data_.data(), column.kind, column.begins.data(), column.numbers.data(),
                            column.begins.size(), text.data());
    std::vector<std::string> texts;
    for (std::size_t row = 0; row < column.begins.size(); ++row) {
      texts.emplace_back(text.data() + column.numbers[row], text.data() + column.numbers[row + 1]);
    }
    return texts;
  }

  std::vector<std::uint32_t> lines;
  std::vector<std::uint64_t> gaps;

 private:
  std::vector<char> data_;
  std::vector<JsonColumn> columns_;
};

using Bytes = std::vector<std::uint8_t>;
using Lines = std::vector<std::uint32_t>;
using Strings = std::vector<std::string>;

TEST(JsonRead, ReadsEachKindAndItsGaps) {
  JsonTable table({{"i", PARALLELRUN_JSON_INT64},
                   {"u", PARALLELRUN_JSON_UINT64},
                   {"f", PARALLELRUN_JSON_FLOAT64},
                   {"b", PARALLELRUN_JSON_BOOL},
                   {"s", PARALLELRUN_JSON_STRING},
                   {"t", PARALLELRUN_JSON_TEXT},
                   {"a", PARALLELRUN_JSON_ANY},
                   {"n", PARALLELRUN_JSON_NOTHING}});
  ASSERT_TRUE(table.read(
      R"({"i":-9223372036854775808,"u":18446744073709551615,"f":-0.5e1,"b":true,"s":"one","t":"x","a":[1, {"b":"]"}]})"
      "\n \t\r\n"
      R"( { "n" : null , "t" : -1.50 , "s" : null , "b" : false , "f" : NaN , "a" : "y" } )"
      "\r\n"
      R"({"i":-0,"u":7,"f":-0,"s":"","t":false,"a":null})"
      "\n\n"
      R"({"b":null,"i":NaN,"u":null,"f":-0.0,"s":"four"})"));
  EXPECT_EQ(table.lines, (Lines{0, 2, 3, 5}));
  EXPECT_EQ(table.whole(0), (std::vector<std::int64_t>{INT64_MIN, 0, 0, 0}));
  EXPECT_EQ(table.whole(1), (std::vector<std::int64_t>{-1, 0, 7, 0}));
  EXPECT_EQ(table.whole(2), (std::vector<std::int64_t>{std::bit_cast<std::int64_t>(-5.0), 0, 0, INT64_MIN}));
  EXPECT_EQ(table.bools(3), (Bytes{1, 0, 0, 0}));
  EXPECT_EQ(table.texts(4), (Strings{"one", "", "", "four"}));
  EXPECT_EQ(table.texts(5), (Strings{"x", "-1.50", "false", ""}));
  EXPECT_EQ(table.texts(6), (Strings{R"([1, {"b":"]"}],)", R"("y",)", "", ""}));
  EXPECT_EQ(table.gaps, (std::vector<std::uint64_t>{2, 2, 1, 2, 1, 1, 2, 4}));
  EXPECT_EQ(table.present(0), (Bytes{1, 0, 1, 0}));
  EXPECT_EQ(table.present(4), (Bytes{1, 0, 1, 1}));
}

// Lines with one column `v` of a kind.
bool reads(std::uint32_t kind, const std::string& value) {
  JsonTable table({{"v", kind}});
  return table.read(R"({"v":)" + value + "}");
}

TEST(JsonRead, LeavesValuesThatAreNotPlainOrOfAnotherKind) {
  const std::vector<std::string> never = {"",
                                          "+1",
                                          "01",
                                          "-",
                                          ".5",
                                          "1.",
                                          "1.e5",
                                          "1e",
                                          "1e+",
                                          "0x1",
                                          "1_0",
                                          "Infinity",
                                          "-Infinity",
                                          "nan",
                                          "-NaN",
                                          "nul",
                                          "True",
                                          "tru",
                                          "truee",
                                          "1 2",
                                          "1,",
                                          "'a'",
                                          "\"a",
                                          "\"\\x\"",
                                          "\"\\\"",
                                          "NaN1",
                                          "\"\t\"",
                                          "\"\x01\"",
                                          "\"\n\"",
                                          "\"\\u12g4\"",
                                          "\"\\ud800\"",
                                          "\"\\udc00\"",
                                          "\"\\uDC00\"",
                                          "\"\\ud800\\u0041\"",
                                          "\"\\ud83d\\ud83d\"",
                                          "\"\xff\"",
                                          "\"\xc0\x80\"",
                                          "\"\xed\xa0\x80\"",
                                          "\"\xf4\x90\x80\x80\"",
                                          "\"0123456789abcde\xc3\"",
                                          "[",
                                          "]",
                                          "{",
                                          "[1}\n]",
                                          std::string("\xef\xbb\xbf") + "1",
                                          std::string(401, '1'),
                                          std::string(101, '[') + std::string(101, ']')};
  for (const std::string& value : never) {
    for (std::uint32_t kind = 0; kind <= PARALLELRUN_JSON_NOTHING; ++kind) {
      EXPECT_FALSE(reads(kind, value)) << kind << " " << value;
    }
  }
  struct Case {
    const char* value;
    std::string_view kinds;  // that take it: i u f b s t a n
  };
  const std::string_view letters = "iufbstan";
  for (const Case& one : {Case{"7", "iufta"},
                          {"-7", "ifta"},
                          {"-0", "iufta"},
                          {"-1", "ifta"},
                          {"9223372036854775808", "ufta"},
                          {"18446744073709551616", "fta"},
                          {"1.0", "fta"},
                          {"1E5", "fta"},
                          {"1e999", "ta"},
                          {"true", "bta"},
                          {"false", "bta"},
                          {"\"a\"", "sta"},
                          {"\"\xf0\x9f\x98\x80\\/\\ud83d\\ude00\"", "sta"},
                          {"[1]", "a"},
                          {"{\"v\":1}", "a"},
                          {"null", "iufbstan"},
                          {"NaN", "iufbstn"}}) {
    for (std::uint32_t kind = 0; kind < letters.size(); ++kind) {
      EXPECT_EQ(reads(kind, one.value), one.kinds.find(letters[kind]) != std::string_view::npos)
          << letters[kind] << " " << one.value;
    }
  }
}

TEST(JsonRead, LeavesLinesThatAreNotOneObjectEach) {
  const std::vector<std::pair<std::string, std::uint32_t>> columns = {{"a", PARALLELRUN_JSON_INT64},
                                                                      {"b", PARALLELRUN_JSON_INT64}};
  ASSERT_TRUE(JsonTable(columns).read("{\"a\":1}\n{\"b\":1,\"a\":2}\n{}\n"));
  for (const char* line : {"[1]",
                           "1",
                           "null",
                           "{",
                           "}",
                           "{\"a\"",
                           "{\"a\":",
                           "{\"a\":1",
                           "{\"a\":1,",
                           "{\"a\":1,}",
                           "{,}",
                           "{\"a\" 1}",
                           "{\"a\":1 \"b\":2}",
                           "{\"a\":1;\"b\":2}",
                           "{a:1}",
                           "{\"a\":1}{\"a\":2}",
                           "{\"a\":1} {\"a\":2}",
                           "{\"a\":1},",
                           "{\"a\":1}\r{\"a\":2}",
                           "{\"a\":\n1}",
                           "{\"a\":1,\"a\":1}",
                           "{\"a\":1,\"\\u0061\":1}",
                           "{\"c\":1}",
                           "{\"A\":1}",
                           "{\"\":1}",
                           "{\"a\":1}\f",
                           "{\"a\":1}x",
                           "\xef\xbb\xbf{\"a\":1}"}) {
    for (const char* before : {"", "{\"a\":1}\n\n", "{\"a\":1,\"b\":2}\n"}) {
      JsonTable table(columns);
      const std::string first = before;
      EXPECT_FALSE(table.read(first + line + "\n{\"a\":3}\n")) << line;
      EXPECT_EQ(table.lines.at(0), std::count(first.begin(), first.end(), '\n')) << line;
    }
  }
}

TEST(JsonRead, KeysComeInAnyOrderAndForm) {
  JsonTable table({{"\xc3\xa4\"", PARALLELRUN_JSON_INT64},
                   {"", PARALLELRUN_JSON_INT64},
                   {"ab", PARALLELRUN_JSON_INT64},
                   {"a", PARALLELRUN_JSON_INT64}});
  ASSERT_TRUE(table.read(R"({"\u00E4\"":1,"":2,"ab":3,"a":4})"
                         "\n"
                         R"({"a":5,"\u0061b":6,"\u00e4\u0022":7})"
                         "\n"
                         R"({"a":8,"ab":9,"ä\"":10,"":11})"
                         "\n{}\n"
                         R"({"a":12,"ab":13,"ä\"":14,"":15})"));
  EXPECT_EQ(table.whole(0), (std::vector<std::int64_t>{1, 7, 10, 0, 14}));
  EXPECT_EQ(table.whole(1), (std::vector<std::int64_t>{2, 0, 11, 0, 15}));
  EXPECT_EQ(table.whole(2), (std::vector<std::int64_t>{3, 6, 9, 0, 13}));
  EXPECT_EQ(table.whole(3), (std::vector<std::int64_t>{4, 5, 8, 0, 12}));
  EXPECT_EQ(table.gaps, (std::vector<std::uint64_t>{1, 2, 1, 1}));
  EXPECT_FALSE(table.read("{\"" + std::string(2000, 'x') + "\\n\":1}"));
}

TEST(JsonRead, StringsWithEscapesAnywhere) {
  std::mt19937 random(3);
  const std::vector<std::pair<std::string, std::string>> pieces = {{"a", "a"},
                                                                   {"0123456789abcdef", "0123456789abcdef"},
                                                                   {"\\n", "\n"},
                                                                   {"\\\\", "\\"},
                                                                   {"\\\"", "\""},
                                                                   {"\\/", "/"},
                                                                   {"\\b\\f\\r\\t", "\b\f\r\t"},
                                                                   {"\\u0000", std::string(1, '\0')},
                                                                   {"\\u00e4", "\xc3\xa4"},
                                                                   {"\\uFFFF", "\xef\xbf\xbf"},
                                                                   {"\\u07ff", "\xdf\xbf"},
                                                                   {"\\u0800", "\xe0\xa0\x80"},
                                                                   {"\\uD83D\\ude00", "\xf0\x9f\x98\x80"},
                                                                   {"\\ud800\\udc00", "\xf0\x90\x80\x80"},
                                                                   {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
                                                                   {"\xc3\xa4", "\xc3\xa4"},
                                                                   {"\x7f", "\x7f"}};
  Strings expected;
  std::string data;
  for (int row = 0; row < 5000; ++row) {
    std::string raw, plain;
    for (std::size_t left = random() % 6; left > 0; --left) {
      const auto& [one, text] = pieces[random() % pieces.size()];
      raw += one;
      plain += text;
    }
    data += "{\"v\":\"" + raw + "\"}\n";
    expected.push_back(plain);
  }
  JsonTable table({{"v", PARALLELRUN_JSON_STRING}});
  ASSERT_TRUE(table.read(data));
  EXPECT_EQ(table.texts(0), expected);
}

TEST(JsonRead, BadBytesAreFoundWhereverTheyStand) {
  for (std::size_t size = 0; size < 40; ++size) {
    for (std::size_t at = 0; at <= size; ++at) {
      for (const std::string_view bad : {"\x01", "\x1f", "\n", "\t", "\x80", "\xff", "\xc3"}) {
        std::string text(size, 'x');
        // Short of the end of the data, and far from it: both ways to look for them.
        for (const std::size_t behind : {0U, 100U}) {
          const std::string blanks(behind, ' ');
          ASSERT_TRUE(reads(PARALLELRUN_JSON_STRING, '"' + text + '"' + blanks));
          ASSERT_FALSE(reads(PARALLELRUN_JSON_STRING, '"' + std::string(text).insert(at, bad) + '"' + blanks))
              << size << " " << at << " " << static_cast<int>(bad[0]);
        }
      }
    }
  }
}

std::string random_json_number(std::mt19937_64& random) {
  std::string text = random() % 2 == 0 ? "-" : "";
  text += random() % 4 == 0 ? "0" : std::to_string(random() >> (random() % 64) | 1U);
  if (random() % 2 == 0) {
    text += '.';
    for (std::size_t i = random() % 20 + 1; i > 0; --i) text += static_cast<char>('0' + random() % 10);
  }
  if (random() % 3 == 0) text += "e" + std::to_string(static_cast<int>(random() % 700) - 350);
  return text;
}

TEST(JsonRead, FloatsAreTheNearestOnes) {
  std::mt19937_64 random(5);
  std::string data;
  std::vector<std::int64_t> expected;
  while (expected.size() < 100'000) {
    const std::string text = random_json_number(random);
    double nearest = std::strtod(text.c_str(), nullptr);
    if (!std::isfinite(nearest)) continue;
    if (text == "-0") nearest = 0;
    data += "{\"v\":" + text + "}\n";
    expected.push_back(std::bit_cast<std::int64_t>(nearest));
  }
  JsonTable table({{"v", PARALLELRUN_JSON_FLOAT64}});
  ASSERT_TRUE(table.read(data));
  EXPECT_EQ(table.whole(0), expected);
}

TEST(JsonRead, CountsLinesThatAreNotBlank) {
  for (const auto& [data, rows] : std::vector<std::pair<std::string, std::uint64_t>>{
           {"", 0}, {"\n", 0}, {" \t\r", 0}, {"\n \n\r\n{}", 1}, {"{}\n\n{}\n", 2}, {"x\ny\n z", 3}}) {
    EXPECT_EQ(parallelrun_json_count(data.data(), data.size()), rows) << data;
  }
}

TEST(JsonRead, NeitherMoreNorFewerRowsThanWereSaid) {
  const std::string data = "{}\n{}\n";
  std::vector<std::uint32_t> slots(2), lines(3);
  for (const std::uint64_t rows : {1U, 2U, 3U}) {
    EXPECT_EQ(
        parallelrun_json_read(data.data(), data.size(), nullptr, 0, slots.data(), 2, lines.data(), rows),
        rows == 2);
  }
}

TEST(JsonRead, ReadsManyColumnsWhereverTheirKeysFall) {
  std::vector<std::pair<std::string, std::uint32_t>> columns;
  for (int i = 0; i < 500; ++i) columns.emplace_back("k" + std::to_string(i * 7919), PARALLELRUN_JSON_INT64);
  std::mt19937 random(9);
  std::string data;
  std::vector<std::vector<std::int64_t>> expected(columns.size());
  for (int row = 0; row < 40; ++row) {
    std::vector<std::size_t> order(columns.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    order.resize(random() % order.size());
    for (auto& values : expected) values.push_back(0);
    data += '{';
    for (const std::size_t number : order) {
      if (data.back() != '{') data += ',';
      data += '"' + columns[number].first + "\":" + std::to_string(row + 1);
      expected[number].back() = row + 1;
    }
    data += "}\n";
  }
  JsonTable table(columns);
  ASSERT_TRUE(table.read(data));
  for (std::size_t i = 0; i < columns.size(); ++i) ASSERT_EQ(table.whole(i), expected[i]) << i;
}

}  // namespace
