#include "common/time/rfc3339.h"

#include <cstdio>

namespace parallelrun {
namespace {

using namespace std::chrono;

// Takes `digits` decimal digits from the front of `text`.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char wanted) {
  if (!text.starts_with(wanted)) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<nanoseconds> take_fraction(std::string_view& text) {
  if (!take(text, '.')) return nanoseconds(0);
  nanoseconds unit = 100ms;
  nanoseconds sum{0};
  std::size_t digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    sum += (text.front() - '0') * unit;
    unit /= 10;
    text.remove_prefix(1);
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  return sum;
}

std::optional<minutes> take_offset(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z')) return minutes(0);
  const bool east = text.starts_with('+');
  if (!east && !text.starts_with('-')) return std::nullopt;
  text.remove_prefix(1);
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  const minutes offset = hours(*hour) + minutes(*minute);
  return east ? offset : -offset;
}

// "2026-01-31T12:00:00".
std::string date_and_clock(sys_seconds time) {
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  char text[64];
  (void)std::snprintf(text, sizeof(text), "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                      static_cast<int>(clock.seconds().count()));
  return text;
}

}  // namespace

std::optional<sys_time<nanoseconds>> parse_rfc3339(std::string_view text) {
  const auto number = [&](std::size_t digits, int longest, char before) -> std::optional<int> {
    if (before != '\0' && !take(text, before)) return std::nullopt;
    const auto value = take_number(text, digits);
    return value && *value <= longest ? value : std::nullopt;
  };
  const auto year_number = number(4, 2200, '\0');
  const auto month_number = number(2, 12, '-');
  const auto day_number = number(2, 31, '-');
  if (!year_number || *year_number < 1970 || !month_number || !day_number) return std::nullopt;
  const year_month_day date{year(*year_number), month(static_cast<unsigned>(*month_number)),
                            day(static_cast<unsigned>(*day_number))};
  if (!date.ok() || (!take(text, 'T') && !take(text, 't'))) return std::nullopt;
  const auto hour = number(2, 23, '\0');
  const auto minute = number(2, 59, ':');
  const auto second = number(2, 60, ':');  // a leap second counts as the one after it
  if (!hour || !minute || !second) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  return sys_time<nanoseconds>(sys_days(date)) + hours(*hour) + minutes(*minute) + seconds(*second) +
         *fraction - *offset;
}

std::string rfc3339_seconds(sys_seconds time) { return date_and_clock(time) + "Z"; }

std::string rfc3339_micros(sys_time<microseconds> time) {
  const auto second = floor<seconds>(time);
  char fraction[16];
  (void)std::snprintf(fraction, sizeof(fraction), ".%06dZ", static_cast<int>((time - second).count()));
  return date_and_clock(second) + fraction;
}

}  // namespace parallelrun
