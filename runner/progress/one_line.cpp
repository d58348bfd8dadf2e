#include "runner/progress/one_line.h"

#include <algorithm>
#include <vector>

#include "common/text/presentable.h"

namespace parallelrun {
namespace {

constexpr std::string_view kLeftOut = " […] ";
// Codes are longer than what they stand for.
constexpr std::size_t kLongestCharacter = 4;

// The character at text[at] as it is shown; `at` goes on to the next.
std::string shown(std::string_view text, std::size_t& at) {
  const Character one = character_at(text, at);
  const char c = text[at];
  std::string out;
  if (c == '\n' || c == '\r' || c == '\t') {
    out = " ";
  } else if (!one.valid || is_hidden(one.code)) {
    append_code(out, one.valid ? one.code : static_cast<unsigned char>(c));
  } else {
    out = text.substr(at, one.bytes);
  }
  at += one.bytes;
  return out;
}

}  // namespace

std::string one_line(std::string_view text, std::size_t limit) {
  // Before anything is left out: what is left of an address would not be known as one.
  const std::string whole = without_credentials(text);
  // The end says why: it gets as much room as the beginning.
  const std::size_t room = limit * kLongestCharacter / 2;
  std::string line;
  std::size_t at = 0;
  std::size_t characters = 0;
  while (at < whole.size() && characters < limit / 2 && line.size() < room) {
    line += shown(whole, at);
    ++characters;
  }
  // Only so many of the bytes behind can be among the last characters.
  std::size_t tail = std::max(at, whole.size() - std::min(whole.size(), limit * kLongestCharacter));
  while (tail > at && tail < whole.size() && (static_cast<unsigned char>(whole[tail]) & 0xC0U) == 0x80U)
    ++tail;
  std::vector<std::string> rest;
  for (std::size_t next = tail; next < whole.size();) rest.push_back(shown(whole, next));
  std::size_t first = rest.size() - std::min(rest.size(), limit - limit / 2);
  std::size_t bytes = 0;
  for (std::size_t i = rest.size(); i > first; --i) {
    bytes += rest[i - 1].size();
    if (bytes > room) first = i;
  }
  if (tail > at || first > 0) line += kLeftOut;
  for (std::size_t i = first; i < rest.size(); ++i) line += rest[i];
  return line;
}

}  // namespace parallelrun
