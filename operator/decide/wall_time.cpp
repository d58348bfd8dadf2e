#include "operator/decide/wall_time.h"

#include <fmt/format.h>

#include <charconv>

namespace parallelrun::op {
namespace {

// Takes exactly `digits` digits off the front.
std::optional<int> number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view one_of) {
  if (text.empty() || one_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// ".123456" -> 123 ms.
std::optional<std::chrono::milliseconds> fraction(std::string_view& text) {
  std::chrono::milliseconds value{0};
  if (!take(text, ".,")) return value;
  int weight = 100;
  bool any = false;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    value += std::chrono::milliseconds((text.front() - '0') * weight);
    weight /= 10;
    any = true;
    text.remove_prefix(1);
  }
  return any ? std::optional(value) : std::nullopt;
}

std::optional<std::chrono::minutes> offset(std::string_view& text) {
  if (take(text, "Zz")) return std::chrono::minutes(0);
  const bool west = text.starts_with('-');
  if (!take(text, "+-")) return std::nullopt;
  const auto hours = number(text, 2);
  const bool colon = take(text, ":");
  const auto minutes = number(text, 2);
  if (!hours || !colon || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::chrono::minutes value = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return west ? -value : value;
}

}  // namespace

std::optional<WallTime> parse_wall_time(std::string_view text) {
  const auto year = number(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = number(text, 2);
  if (!day || !take(text, "Tt ")) return std::nullopt;
  const auto hour = number(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = number(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  const auto second = number(text, 2);
  if (!second) return std::nullopt;
  const auto part = fraction(text);
  const auto zone = part ? offset(text) : std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!zone || !text.empty() || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second) + *part - *zone;
}

std::string format_wall_time(WallTime time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - days));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace parallelrun::op
