#include "runner/web/log_text.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "common/posix/file_descriptor.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun::web {
namespace {

class LogText : public testing::Test {
 protected:
  void write(const std::string& text) {
    const std::string path = folder_.write("log", text);
    file_ = FileDescriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }
  LogPiece read(std::int64_t offset, std::int64_t length, bool whole = true) {
    return read_log(file_.get(), {offset, length, whole}).value();
  }
  LogHits search(LogSearch search) { return search_log(file_.get(), search).value(); }

  test::TemporaryDirectory folder_;
  FileDescriptor file_;
};

TEST_F(LogText, ARangeHasWholeLines) {
  write("one\ntwo\nthree\nfour");
  EXPECT_EQ(read(0, 100).text, "one\ntwo\nthree\nfour");
  EXPECT_EQ(read(0, 9).text, "one\ntwo\n");
  EXPECT_EQ(read(0, 9).next, 8U);
  EXPECT_EQ(read(4, 6).text, "two\n") << "a line begins there";
  const LogPiece inside = read(5, 9);
  EXPECT_EQ(inside.text, "three\n");
  EXPECT_EQ(inside.offset, 8U);
  EXPECT_EQ(read(5, 9, false).text, "wo\nthree\n");
  const LogPiece end = read(-6, 100);
  EXPECT_EQ(end.text, "four");
  EXPECT_EQ(end.offset, 14U);
  EXPECT_EQ(end.next, 18U);
  EXPECT_EQ(end.size, 18U);
  EXPECT_EQ(read(-1000, 100).text, "one\ntwo\nthree\nfour");
  EXPECT_EQ(read(18, 10).text, "");
  EXPECT_EQ(read(1000, 10).text, "");
  EXPECT_EQ(read(1000, 10).next, 18U);
}

TEST_F(LogText, ALineThatIsLongerThanAPieceComesInPieces) {
  write(std::string(50, 'x') + "\nend\n");
  EXPECT_EQ(read(0, 20).text, std::string(20, 'x'));
  EXPECT_EQ(read(20, 20, false).text, std::string(20, 'x'));
  EXPECT_EQ(read(20, 20).offset, 20U) << "no line begins within";
  EXPECT_EQ(read(40, 20).text, "end\n");
}

TEST_F(LogText, TheFirstHitOfALineIsFoundWithItsPlace) {
  write("a needle, a needle\nnothing\nthe Needle\nlast needle");
  const LogHits hits = search({.text = "needle"});
  ASSERT_EQ(hits.hits.size(), 2U);
  EXPECT_EQ(hits.hits[0].offset, 0U);
  EXPECT_EQ(hits.hits[0].at, 2U);
  EXPECT_EQ(hits.hits[0].line, "a needle, a needle");
  EXPECT_EQ(hits.hits[1].line, "last needle");
  EXPECT_TRUE(hits.done);
  EXPECT_EQ(search({.text = "nEEdle", .any_case = true}).hits.size(), 3U);
  EXPECT_EQ(search({.text = "missing"}).hits.size(), 0U);
  EXPECT_EQ(search({.text = "needle", .from = 3}).hits[0].at, 12U);
}

TEST_F(LogText, ASearchGoesOnWhereItStopped) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "line " + std::to_string(i) + " needle\n";
  write(text);
  std::size_t found = 0;
  std::uint64_t from = 0;
  for (int asked = 0; asked < 200; ++asked) {
    const LogHits hits = search({.text = "needle", .from = from, .most_hits = 7});
    found += hits.hits.size();
    from = hits.searched_to;
    if (hits.done) break;
  }
  EXPECT_EQ(found, 1000U);
  EXPECT_EQ(from, text.size());
}

TEST_F(LogText, AHitOverTheBorderOfTwoBlocksIsFound) {
  const std::size_t block = std::size_t{1} << 20U;
  for (std::size_t at = block - 7; at <= block + 1; ++at) {
    std::string text(2 * block, '\n');
    text.replace(at, 6, "needle");
    text.replace(2 * block - 6, 6, "NEEDLE");
    write(text);
    const LogHits hits = search({.text = "needle", .any_case = true});
    ASSERT_EQ(hits.hits.size(), 2U) << at;
    EXPECT_EQ(hits.hits[0].at, at);
    EXPECT_EQ(hits.hits[1].at, 2 * block - 6);
    EXPECT_TRUE(hits.done);
  }
}

TEST_F(LogText, FrequentAndRareBytesAreSearchedAlike) {
  const std::string noise(5'000, 'x');
  for (const char* text : {"xxxxy", "yxxxx", "xxyxx", "xxxx\x01", "y"}) {
    write(noise + text + noise);
    EXPECT_EQ(search({.text = text}).hits.at(0).at, std::string(noise + text + noise).find(text)) << text;
    write(noise);
    EXPECT_TRUE(search({.text = text}).hits.empty()) << text;
    write(text);
    EXPECT_EQ(search({.text = text}).hits.size(), 1U) << text;
  }
  write(noise + "\n" + std::string(5'000, 'y'));
  EXPECT_EQ(search({.text = "yyyyyy"}).hits.at(0).at, 5'001U);
}

TEST_F(LogText, ALongLineIsCutAroundTheHit) {
  write(std::string(100'000, 'x') + "needle" + std::string(100'000, 'y'));
  const LogHits hits = search({.text = "needle"});
  ASSERT_EQ(hits.hits.size(), 1U);
  EXPECT_LE(hits.hits[0].line.size(), 400U);
  EXPECT_NE(hits.hits[0].line.find("needle"), std::string::npos);
  EXPECT_EQ(hits.hits[0].at, 100'000U);
  EXPECT_TRUE(hits.done);
}

TEST_F(LogText, ASearchReadsABoundedPart) {
  write(std::string(5U << 20U, 'x'));
  const LogHits hits = search({.text = "needle", .most_bytes = 2U << 20U});
  EXPECT_FALSE(hits.done);
  EXPECT_GE(hits.searched_to, (2U << 20U) - 6);
  EXPECT_LE(hits.searched_to, 3U << 20U);
}

}  // namespace
}  // namespace parallelrun::web
