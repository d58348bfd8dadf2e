#include "runner/web/process_line.h"

#include <charconv>
#include <chrono>

namespace parallelrun::web {
namespace {

constexpr std::size_t kTime = 27;  // "2026-01-31T12:00:00.000000Z"

std::optional<unsigned> digits(std::string_view text, std::size_t at, std::size_t count) {
  unsigned value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(text[i] - '0');
  }
  return value;
}

std::optional<double> time_of(std::string_view text) {
  if (text.size() < kTime || text[10] != 'T' || text[19] != '.' || text[26] != 'Z') return std::nullopt;
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = digits(text, 17, 2);
  const auto micros = digits(text, 20, 6);
  if (!year || !month || !day || !hour || !minute || !second || !micros) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return static_cast<double>(days) * 86400 + *hour * 3600.0 + *minute * 60.0 + *second + *micros * 1e-6;
}

// The rest behind `words`; nothing: they do not stand there.
std::optional<std::string_view> behind(std::string_view text, std::string_view words) {
  const std::size_t at = text.find(words);
  if (at == std::string_view::npos) return std::nullopt;
  return text.substr(at + words.size());
}

bool take_count(std::string_view text, std::uint64_t& count) {
  return std::from_chars(text.data(), text.data() + text.size(), count).ec == std::errc();
}

// Also refuses what is no time that a job can take: a log may be forged.
bool take_seconds(std::string_view text, double& seconds) {
  constexpr double kLongest = 1e9;
  return std::from_chars(text.data(), text.data() + text.size(), seconds).ec == std::errc() && seconds >= 0 &&
         seconds <= kLongest;
}

std::optional<ProcessLine> picked_up(std::string_view line, std::string_view rest) {
  ProcessLine out;
  out.kind = ProcessLine::Kind::kPickedUp;
  out.mini_batch = rest.substr(0, rest.find(' '));
  const auto started = time_of(line);
  const auto items = behind(rest, "; items ");
  if (!started || !items || !take_count(*items, out.items)) return std::nullopt;
  out.started = *started;
  return out;
}

}  // namespace

std::optional<ProcessLine> process_line(std::string_view line) {
  constexpr std::string_view kPickedUp = " picked up mini-batch ";
  constexpr std::string_view kDone = " done with mini-batch ";
  if (line.size() < kTime) return std::nullopt;
  std::string_view rest = line.substr(kTime);
  if (rest.starts_with(kPickedUp)) return picked_up(line, rest.substr(kPickedUp.size()));
  if (!rest.starts_with(kDone)) return std::nullopt;
  rest.remove_prefix(kDone.size());
  ProcessLine out;
  out.mini_batch = rest.substr(0, rest.find(' '));
  auto next = behind(rest, "): ");
  if (!next) return std::nullopt;
  out.outcome = next->substr(0, next->find(';'));
  next = behind(*next, "; items ");
  if (!next || !take_count(*next, out.items)) return std::nullopt;
  next = behind(*next, "; started ");
  const auto started = next ? time_of(*next) : std::nullopt;
  if (!started) return std::nullopt;
  out.started = *started;
  next = behind(next->substr(kTime), ", duration ");
  if (!next || !take_seconds(*next, out.duration)) return std::nullopt;
  next = behind(*next, " s, run ");
  if (!next || !take_seconds(*next, out.run)) return std::nullopt;
  return out;
}

}  // namespace parallelrun::web
