// A time that is read is written and read back the same, and a canonical text comes back as it was. Times
// that are drawn come back whole.
#include "common/time/rfc3339.h"

#include <chrono>

#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

using namespace std::chrono;

constexpr sys_days kFirst = year(1970) / 1 / 1;
constexpr sys_days kBehind = year(2201) / 1 / 1;

FUZZ_TARGET(rfc3339) {
  const auto time = parse_rfc3339(bytes);
  if (time) {
    const std::string text(bytes);
    // An offset may lead out of the years by a day.
    HOLDS_ELSE(text, *time >= kFirst - days(1) && *time < kBehind + days(1));
    const auto whole = floor<seconds>(*time);
    const std::string seconds_text = rfc3339_seconds(whole);
    if (*time >= kFirst && *time < kBehind) {
      HOLDS_ELSE(text, parse_rfc3339(seconds_text) == whole);
      const auto micros = floor<microseconds>(*time);
      HOLDS_ELSE(text, parse_rfc3339(rfc3339_micros(micros)) == micros);
    }
    const bool canonical = text.size() == 20 && text.back() == 'Z' && text[10] == 'T';
    const bool leap_second = text.find(":60Z") != std::string::npos;  // is read as the second behind it
    if (canonical && !leap_second) HOLDS_ELSE(text, seconds_text == text);
  }

  fuzz::Draw draw(bytes);
  const auto span = duration_cast<microseconds>(kBehind - kFirst).count();
  const auto drawn =
      sys_time<microseconds>(kFirst) + microseconds(draw.u64() % static_cast<std::uint64_t>(span));
  const std::string written = rfc3339_micros(drawn);
  HOLDS_ELSE(written, written.size() == 27 && parse_rfc3339(written) == drawn);
  HOLDS_ELSE(written, parse_rfc3339(rfc3339_seconds(floor<seconds>(drawn))) == floor<seconds>(drawn));
}

}  // namespace
}  // namespace parallelrun
