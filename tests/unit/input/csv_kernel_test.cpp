#include "runner/input/csv_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "runner/input/csv_record_scan.h"

namespace parallelrun {
namespace {

struct Row {
  std::uint64_t end;
  bool blank;
  bool operator==(const Row&) const = default;
};

// The rules once more, a byte at a time and without sharing code with the kernels.
std::vector<Row> rows_of(const std::string& text, char delimiter) {
  enum { kStart, kPlain, kQuoted, kClosed } state = kStart;
  std::vector<Row> rows;
  bool blank = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (state == kQuoted) {
      if (c == '"') state = kClosed;
      continue;
    }
    if (c == '\n' || c == '\r') {
      if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
      rows.push_back({i + 1, blank});
      blank = true;
      state = kStart;
      continue;
    }
    if (c == delimiter || (c != ' ' && c != '\t')) blank = false;
    if (c == delimiter) {
      state = kStart;
    } else if (c == '"' && state != kPlain) {
      state = kQuoted;
    } else {
      state = kPlain;
    }
  }
  if (rows.empty() ? !text.empty() : rows.back().end < text.size()) rows.push_back({text.size(), blank});
  return rows;
}

// Gives the bytes in pieces of the sizes asked for at most, as a file under a signal or a network would.
class StringStream final : public ByteStream {
 public:
  StringStream(const std::string& text, std::size_t most) : text_(text), most_(most) {}
  Result<std::size_t> read(char* into, std::size_t size) override {
    size = std::min({size, most_, text_.size() - at_});
    std::copy_n(text_.data() + at_, size, into);
    at_ += size;
    return size;
  }

 private:
  const std::string& text_;
  std::size_t most_;
  std::size_t at_ = 0;
};

void expect_strides(const CsvKernel& kernel, const std::string& text, char delimiter, std::uint64_t step,
                    std::size_t most) {
  const std::vector<Row> rows = rows_of(text, delimiter);
  CsvRecordScan scan(kernel);
  StringStream stream(text, most);
  scan.start(stream, delimiter);
  std::uint64_t end = 0;
  std::size_t row = 0;
  while (true) {
    const auto stride = scan.next(end + step);
    ASSERT_TRUE(stride.ok());
    std::uint64_t records = 0;
    const std::size_t first = row;
    while (row < rows.size()) {
      records += rows[row].blank ? 0 : 1;
      ++row;
      if (records > 0 && rows[row - 1].end >= end + step) break;
    }
    end = row == 0 ? 0 : rows[row - 1].end;
    ASSERT_EQ(stride->end, end) << kernel.name << " step " << step << " in " << testing::PrintToString(text);
    ASSERT_EQ(stride->rows, row - first)
        << kernel.name << " step " << step << " in " << testing::PrintToString(text);
    ASSERT_EQ(stride->records, records)
        << kernel.name << " step " << step << " in " << testing::PrintToString(text);
    ASSERT_EQ(stride->at_end, end == text.size());
    if (stride->at_end) return;
  }
}

TEST(CsvKernel, AllKernelsFollowTheGrammarOnRandomBytes) {
  std::mt19937 random(20240607);
  const std::string alphabets[] = {"a,\n",     "a,\"\n",  "ab,\"\r\n \t",
                                   "\"\r\n",   "a\n    ", "aaaaaaaaaaaaaaaaaaaaaaaa,\"\n",
                                   "\t\"\n x", " \n\"x,"};
  for (int round = 0; round < 3000; ++round) {
    const std::string& alphabet = alphabets[random() % std::size(alphabets)];
    std::string text(random() % (round % 10 == 0 ? 2000 : 200), '\0');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    const char delimiter = random() % 4 == 0 ? '\t' : random() % 8 == 0 ? ' ' : ',';
    const std::uint64_t step = random() % 3 == 0 ? 1 : random() % 300;
    const std::size_t most = random() % 2 == 0 ? 1U << 20U : 1 + random() % 100;
    for (const CsvKernel* kernel : csv_kernels()) {
      expect_strides(*kernel, text, delimiter, step, most);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(CsvKernel, RecordsLongerThanTheBufferAreFollowed) {
  std::string text = "1,\"";
  text.append(700'000, '\n');
  text += "\"\n2,3\n";
  text.append(300'000, 'x');
  text += "\r\n   \r\n4,5";
  for (const CsvKernel* kernel : csv_kernels()) {
    for (const std::uint64_t step :
         {std::uint64_t{1}, std::uint64_t{262'144}, std::uint64_t{700'005}, ~std::uint64_t{0}}) {
      CsvRecordScan scan(*kernel);
      StringStream stream(text, 1U << 20U);
      scan.start(stream, ',');
      std::uint64_t rows = 0;
      std::uint64_t records = 0;
      for (std::uint64_t end = 0;;) {
        const auto stride = scan.next(step == ~std::uint64_t{0} ? step : end + step);
        ASSERT_TRUE(stride.ok());
        rows += stride->rows;
        records += stride->records;
        end = stride->end;
        if (stride->at_end) break;
      }
      EXPECT_EQ(rows, 5U) << step;
      EXPECT_EQ(records, 4U) << step;
    }
  }
}

TEST(CsvKernel, AReadErrorComesThrough) {
  struct Broken final : ByteStream {
    Result<std::size_t> read(char*, std::size_t) override { return Error{ErrorCode::kIo, "broken"}; }
  } stream;
  CsvRecordScan scan;
  scan.start(stream, ',');
  EXPECT_EQ(scan.next(0).error().message, "broken");
}

}  // namespace
}  // namespace parallelrun
