#include "runner/process/csv_check.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <string_view>

namespace {

struct Checked {
  int error;
  parallelrun_csv_report report;
};

Checked check(std::string_view data, std::uint64_t fields, char delimiter = ',') {
  Checked checked{};
  checked.error = parallelrun_csv_check(data.data(), data.size(), delimiter, fields, &checked.report);
  return checked;
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

// The records of the format one byte at a time, written without a look at the code under test.
Checked check_slowly(std::string_view data, std::uint64_t fields) {
  Checked result{};
  std::size_t at = 0;
  while (at < data.size()) {
    const std::size_t begin = at;
    std::uint64_t count = 1;
    bool blank = true, in_quotes = false, field_begins = true, closed = false;
    for (; at < data.size(); ++at) {
      const char c = data[at];
      if (in_quotes) {
        if (c == '"') in_quotes = false, closed = true;
        continue;
      }
      if (c == '\n' || c == '\r') {
        at += c == '\r' && at + 1 < data.size() && data[at + 1] == '\n' ? 2 : 1;
        break;
      }
      if (c != ' ' && c != '\t') blank = false;
      if (c == '"' && (field_begins || closed)) {
        in_quotes = true;
      } else if (c == ',') {
        ++count;
        field_begins = true;
        closed = false;
        continue;
      }
      field_begins = closed = false;
    }
    result.report.row = result.report.rows;
    result.report.offset = begin;
    if (in_quotes) {
      result.error = PARALLELRUN_CSV_UNCLOSED;
      return result;
    }
    if (!blank && count != fields) {
      result.error = PARALLELRUN_CSV_FIELDS;
      result.report.fields = count;
      return result;
    }
    ++result.report.rows;
    result.report.items += blank ? 0 : 1;
  }
  return result;
}

TEST(CsvCheck, CountsRecordsAndItems) {
  const Checked checked = check("a,b\n\n\"c\nd\",e\r\n  \nf,\"\"\"\"", 2);
  EXPECT_EQ(checked.error, PARALLELRUN_CSV_OK);
  EXPECT_EQ(checked.report.rows, 5U);
  EXPECT_EQ(checked.report.items, 3U);
  EXPECT_EQ(check("", 2).report.rows, 0U);
}

TEST(CsvCheck, PlacesARaggedRecordAtEveryOffsetOfABlock) {
  for (std::size_t lead = 0; lead < 140; ++lead) {
    for (const std::string_view bad : {"1\n", "1,2,3\n", "\"1,2\"\n", "\"1\n2\"\n"}) {
      const std::string data = std::string(lead, 'x') + ",y\n\n" + std::string(bad) + repeat("1,2\n", 40);
      const Checked checked = check(data, 2);
      ASSERT_EQ(checked.error, PARALLELRUN_CSV_FIELDS) << lead << " " << bad;
      ASSERT_EQ(checked.report.row, 2U);
      ASSERT_EQ(checked.report.items, 1U);
      ASSERT_EQ(checked.report.offset, lead + 4);
      ASSERT_EQ(checked.report.fields, bad == "1,2,3\n" ? 3U : 1U);
    }
  }
}

TEST(CsvCheck, PlacesBrokenUtf8AtEveryOffsetOfABlock) {
  // Overlong, surrogate, beyond Unicode, lone continuation, cut short.
  for (const std::string_view broken :
       {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xE2\x82", "\xFF", "\xE0\x80\x80"}) {
    for (std::size_t lead = 0; lead < 140; ++lead) {
      const std::string data = "\xC3\xA9,\xF0\x9F\x98\x80\n" + std::string(lead, 'x') + std::string(broken) +
                               ",y\n" + repeat("1,2\n", 40);
      const Checked checked = check(data, 2);
      ASSERT_EQ(checked.error, PARALLELRUN_CSV_UTF8) << lead;
      ASSERT_EQ(checked.report.row, 1U);
      ASSERT_EQ(checked.report.offset, 8 + lead);
    }
  }
  EXPECT_EQ(check("a,\xE2\x82", 2).error, PARALLELRUN_CSV_UTF8) << "cut at the very end";
}

TEST(CsvCheck, TakesValidUtf8AcrossBlocks) {
  for (std::size_t lead = 0; lead < 70; ++lead) {
    const std::string data = std::string(lead, 'x') + repeat("\xC3\xA9,\xE2\x82\xAC\xF0\x9F\x98\x80\n", 60);
    ASSERT_EQ(check(data, 2).error, PARALLELRUN_CSV_OK) << lead;
  }
}

TEST(CsvCheck, QuotesInsideAnUnquotedFieldArePlainCharacters) {
  EXPECT_EQ(check(repeat("a\"b,c\"\n", 50), 2).report.items, 50U);
  EXPECT_EQ(check(repeat(" \"a,b\"\n", 50), 2).report.items, 50U);
}

TEST(CsvCheck, AQuoteThatIsNeverClosed) {
  const Checked checked = check("1,2\n3,\"4\n" + repeat("5,6\n", 40), 2);
  EXPECT_EQ(checked.error, PARALLELRUN_CSV_UNCLOSED);
  EXPECT_EQ(checked.report.row, 1U);
}

TEST(CsvCheck, ALoneReturnEndsARecord) {
  EXPECT_EQ(check(repeat("1,2\r", 70), 2).report.items, 70U);
  EXPECT_EQ(check(repeat("1,2\r\n", 70), 2).report.items, 70U);
  EXPECT_EQ(check(repeat("1,\"2\r3\"\r\n", 70), 2).report.items, 70U);
}

TEST(CsvCheck, FastAndSlowWayAgree) {
  constexpr std::string_view kAlphabet = "aaaa,,,\"\"\n\n\r \t";
  for (unsigned seed = 0; seed < 20'000; ++seed) {
    std::mt19937 random(seed);
    std::string data(random() % 300, ' ');
    if (seed % 2 == 0) {
      for (char& c : data) c = kAlphabet[random() % kAlphabet.size()];
    } else {
      const std::string_view fields[] = {"a",        "",     "\"\"",  "\"x,y\"", "\"\"\"q\"\"\"",
                                         "\"l\nm\"", "b\"c", "\"d\"e"};
      const std::size_t size = data.size();
      data.clear();
      while (data.size() < size) {
        data += fields[random() % 8];
        data += ',';
        data += fields[random() % (random() % 8 == 0 ? 8 : 6)];
        data += random() % 50 == 0 ? "\r" : random() % 4 == 0 ? "\r\n" : "\n";
      }
    }
    const Checked fast = check(data, 2);
    const Checked slow = check_slowly(data, 2);
    ASSERT_EQ(fast.error, slow.error) << "seed " << seed;
    ASSERT_EQ(fast.report.rows, slow.report.rows) << "seed " << seed;
    ASSERT_EQ(fast.report.items, slow.report.items) << "seed " << seed;
    if (fast.error != PARALLELRUN_CSV_OK) {
      ASSERT_EQ(fast.report.row, slow.report.row) << "seed " << seed;
      ASSERT_EQ(fast.report.offset, slow.report.offset) << "seed " << seed;
    }
  }
}

TEST(CsvCheck, FindsFieldsAndRows) {
  constexpr std::string_view kData = "\n \na,\"b\nc\",d\n\ne,f,g\n";
  EXPECT_EQ(parallelrun_csv_fields(kData.data(), kData.size(), ','), 3U);
  EXPECT_EQ(parallelrun_csv_fields("\n\n", 2, ','), 0U);
  EXPECT_EQ(parallelrun_csv_row_of_item(kData.data(), kData.size(), ',', 0), 2U);
  EXPECT_EQ(parallelrun_csv_row_of_item(kData.data(), kData.size(), ',', 1), 4U);
  EXPECT_EQ(parallelrun_csv_row_of_item(kData.data(), kData.size(), ',', 2), 5U);
  std::array<std::uint64_t, 2> rows{};
  parallelrun_csv_rows_of_items(kData.data(), kData.size(), ',', rows.data(), rows.size());
  EXPECT_EQ(rows, (std::array<std::uint64_t, 2>{2, 4}));
  EXPECT_EQ(parallelrun_csv_row_of_offset(kData.data(), kData.size(), ',', 0), 0U);
  EXPECT_EQ(parallelrun_csv_row_of_offset(kData.data(), kData.size(), ',', 7), 2U);
  EXPECT_EQ(parallelrun_csv_row_of_offset(kData.data(), kData.size(), ',', 15), 4U);
}

TEST(CsvCheck, BlanksOtherThanATabDelimiter) {
  EXPECT_EQ(check("a\tb\n \n\t\n", 2, '\t').report.items, 2U) << "a tab alone is two empty fields";
  EXPECT_EQ(check("a b\n\t\n", 2, ' ').report.items, 1U);
}

std::uint64_t look(std::string_view data, char delimiter = ',') {
  return parallelrun_csv_look(data.data(), data.size(), delimiter);
}

TEST(CsvLook, FindsWhatParsersSeeDifferently) {
  EXPECT_EQ(look(""), 0U);
  EXPECT_EQ(look("a,1\r\nb,10x\r\n"), 0U);
  EXPECT_EQ(look("a,\"b\"\n"), PARALLELRUN_CSV_QUOTES);
  EXPECT_EQ(look("a\rb"), PARALLELRUN_CSV_LONE_RETURN);
  EXPECT_EQ(look("a\r"), PARALLELRUN_CSV_LONE_RETURN);
  EXPECT_EQ(look(std::string_view("a\0b", 3)), PARALLELRUN_CSV_NUL);
  for (const char* text : {"0x10", "1,0X10", "1, \t0xf", "a\n0x1", "a\r\n0x1"}) {
    EXPECT_EQ(look(text), PARALLELRUN_CSV_HEXADECIMAL) << text;
  }
  EXPECT_EQ(look("a,\"0x1\"\n"), PARALLELRUN_CSV_HEXADECIMAL | PARALLELRUN_CSV_QUOTES);
  for (const char* text : {"x", "10x1", "a0x1", "box", "-0x1", "1;0x1"}) EXPECT_EQ(look(text), 0U) << text;
  EXPECT_EQ(look("1;0x1", ';'), PARALLELRUN_CSV_HEXADECIMAL);
}

TEST(CsvLook, FindsItWhereverItStands) {
  for (std::size_t before = 0; before < 70; ++before) {
    for (std::size_t after = 0; after < 40; after += 13) {
      const std::string left = std::string(before, 'a'), right = std::string(after, 'a');
      EXPECT_EQ(look(left + right), 0U);
      EXPECT_EQ(look(left + '"' + right), PARALLELRUN_CSV_QUOTES);
      EXPECT_EQ(look(left + '\0' + right), PARALLELRUN_CSV_NUL);
      EXPECT_EQ(look(left + '\r' + right), PARALLELRUN_CSV_LONE_RETURN);
      EXPECT_EQ(look(left + "\r\n" + right), 0U);
      EXPECT_EQ(look(left + ",0x" + right), PARALLELRUN_CSV_HEXADECIMAL);
    }
  }
}

}  // namespace
