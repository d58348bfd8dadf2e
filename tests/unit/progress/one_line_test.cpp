// What a script's words become before a terminal shows them.
#include "runner/progress/one_line.h"

#include <gtest/gtest.h>

#include <string>

#include "runner/progress/progress.h"

namespace parallelrun {
namespace {

TEST(OneLine, ControlCharactersAreSpelledOut) {
  EXPECT_EQ(one_line("bad\r\n\tdigit \x1b[31mred\x1b[0m \x07\x7f"),
            "bad   digit \\x1b[31mred\\x1b[0m \\x07\\x7f");
  EXPECT_EQ(one_line(std::string("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(one_line("C1: \xC2\x9B"
                     "31m, no break: \xC2\xA0, \xC3\xA9"),
            "C1: \\x9b31m, no break: \xC2\xA0, \xC3\xA9");
  EXPECT_EQ(one_line("\xC2"), "\\xc2") << "cut off in the middle of a character";
  EXPECT_EQ(one_line("a \xE2\x80\xAE b"), "a \\u202e b");
  EXPECT_EQ(one_line("from https://me:secret@host/x"), "from https://***@host/x");
}

TEST(OneLine, TheMiddleIsLeftOutAndTheCauseIsNot) {
  EXPECT_EQ(one_line("ééé", 3), "ééé");
  EXPECT_EQ(one_line("éééü", 3), "é […] éü");
  EXPECT_EQ(one_line(std::string(1000, 'x')), std::string(1000, 'x'));
  EXPECT_EQ(one_line(std::string(500, 'x') + "!" + std::string(500, 'y')),
            std::string(500, 'x') + " […] " + std::string(500, 'y'));
  const std::string cause = ": [Errno 28] No space left on device";
  EXPECT_TRUE(one_line("cannot write '" + std::string(5'000, 'd') + "'" + cause).ends_with("'" + cause));
  EXPECT_LE(one_line(std::string(1'000'000, '\x80')).size(), 4010U) << "no character begins there";
  EXPECT_LE(one_line(std::string(1'000'000, '\x1b')).size(), 4010U);
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string line = one_line(std::string(size, '\x1b'), 6);
    EXPECT_LE(line.size(), 32U) << size;
    EXPECT_EQ(line.find("[…]") != std::string::npos, size > 6) << size;
  }
  EXPECT_EQ(one_line(std::string(30, 'a') + "https://me:secret@host/x", 20), "aaaaaaaaaa […] ***@host/x");
}

TEST(OneLine, OfAnErrorAndInTheResult) {
  const ScriptError error{ErrorPhase::kRun, "ValueError", "\x1b[2J" + std::string(10'000, 'x'), "Traceback"};
  const std::string line = one_line(error);
  EXPECT_TRUE(line.starts_with("ValueError: \\x1b[2Jxxx")) << line;
  EXPECT_TRUE(line.ends_with("xxx"));
  EXPECT_LT(line.size(), 1020U);
  JobResult result;
  result.first_errors = {error};
  EXPECT_EQ(to_json(result)["firstError"], line);
  EXPECT_EQ(to_json(result)["firstErrors"][0]["message"], error.message) << "the full text";
}

TEST(FirstErrorsList, AllShortfallsAreOne) {
  FirstErrors errors;
  for (std::uint64_t i = 0; i < 1000; ++i) errors.add(shortfall_error({i}, "files", 10, i % 10));
  ASSERT_EQ(errors.list().size(), 1U);
  EXPECT_EQ(
      errors.list()[0].message,
      "run() returned 0 elements for 10 items (mini-batch 0 of input 'files'); fewer elements than items "
      "count as failed");
  errors.add({ErrorPhase::kRun, "ValueError", "bad", ""});
  EXPECT_EQ(errors.list().size(), 2U);
}

}  // namespace
}  // namespace parallelrun
