#include "common/text/presentable.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace parallelrun {
namespace {

TEST(Presentable, WhatSteersATerminalStandsThereAsItsCode) {
  struct Case {
    std::string_view given, shown;
  };
  using namespace std::string_view_literals;
  const Case cases[] = {
      {"plain text", "plain text"},
      {"Grüße, 数字, 🙂", "Grüße, 数字, 🙂"},
      {"\x1b[2Jgone", "\\x1b[2Jgone"},
      {"a\nb\r\nc\td", "a\\nb\\r\\nc\\td"},
      {"nul\0byte"sv, "nul\\x00byte"},
      {"del\x7f", "del\\x7f"},
      {"c1 \xc2\x9b 31m", "c1 \\x9b 31m"},
      {"\xc2\x85next line", "\\x85next line"},
      {"safe\xe2\x80\xaetxt.exe", "safe\\u202etxt.exe"},
      {"\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac\xe2\x80\xad", "\\u202a\\u202b\\u202c\\u202d"},
      {"\xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9", "\\u2066\\u2067\\u2068\\u2069"},
      {"\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", "\\u200e\\u200f\\u061c"},
      {"\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029"},
      {"\xef\xbb\xbfzero\xe2\x80\x8bwidth", "\\ufeffzero\\u200bwidth"},
      {"tag\xf3\xa0\x80\x81", "tag\\u0e0001"},
      {"latin1 \xe9", "latin1 \\xe9"},
      {"overlong \xc0\xaf \xe0\x80\xaf", "overlong \\xc0\\xaf \\xe0\\x80\\xaf"},
      {"surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80"},
      {"cut \xe2\x80", "cut \\xe2\\x80"},
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
  };
  for (const Case& one : cases) EXPECT_EQ(presentable(one.given), one.shown);
  EXPECT_EQ(presentable_lines("a\n\tb\r\x1b[1m"), "a\n\tb\\r\\x1b[1m");
}

TEST(Presentable, NoAddressKeepsUserAndPassword) {
  struct Case {
    std::string_view given, shown;
  };
  const Case cases[] = {
      {"https://u:p@host/simple", "https://***@host/simple"},
      {"--extra-index-url https://token@pypi.example.com/simple torch",
       "--extra-index-url https://***@pypi.example.com/simple torch"},
      {"pkg @ git+https://u:p%40x@host/r.git@v1#egg=e", "pkg @ git+https://***@host/r.git@v1#egg=e"},
      {"pkg @ git+ssh://git@host/r.git", "pkg @ git+ssh://***@host/r.git"},
      {"https://u:p@ss@host/", "https://***@host/"},
      {"two: https://a:b@c/ and 'https://d:e@f'", "two: https://***@c/ and 'https://***@f'"},
      {"postgresql+psycopg://me:secret@db:5432/x", "postgresql+psycopg://***@db:5432/x"},
      {"HTTPS://U:P@HOST", "HTTPS://***@HOST"},
      {"https://host/path@2?mail=a@b", "https://host/path@2?mail=a@b"},
      {"https://host and me@example.com", "https://host and me@example.com"},
      {"see ://nothing@all", "see ://nothing@all"},
      {"https://u:p@", "https://***@"},
      {"", ""},
  };
  for (const Case& one : cases) EXPECT_EQ(presentable(one.given), one.shown);
}

// Whatever comes in: what goes out is UTF-8, holds nothing hidden, and is shown the same when shown again.
TEST(Presentable, HoldsForAnyBytes) {
  std::mt19937_64 random(11);
  const std::string_view pieces[] = {"https://",     "@",        ":",    "\x1b", "\n",
                                     "\xe2\x80\xae", "\xe2\x80", "\xc2", "x",    "/"};
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (std::uint64_t k = random() % 12; k > 0; --k) {
      if (random() % 2 == 0) {
        text += pieces[random() % std::size(pieces)];
      } else {
        text.push_back(static_cast<char>(random()));
      }
    }
    const std::string shown = presentable(text);
    for (std::size_t at = 0; at < shown.size();) {
      const Character one = character_at(shown, at);
      ASSERT_TRUE(one.valid && !is_hidden(one.code)) << i;
      at += one.bytes;
    }
    // A code may look like the end of a scheme; what it hides then was an address for nobody.
    if (shown.find('@') == std::string::npos) {
      ASSERT_EQ(presentable(shown), shown) << i;
    }
  }
}

}  // namespace
}  // namespace parallelrun
