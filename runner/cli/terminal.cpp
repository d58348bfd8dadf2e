#include "runner/cli/terminal.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "common/text/counted.h"
#include "common/text/presentable.h"
#include "runner/cli/screen.h"

namespace parallelrun {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kRedraw{100};
constexpr milliseconds kMinimalSpan{200};
constexpr std::size_t kDefaultColumns = 100;

std::string draw_cells(double fraction, std::size_t cells, bool utf8) {
  static constexpr std::string_view kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  std::string bar;
  if (!utf8) {
    const auto full = static_cast<std::size_t>(fraction * static_cast<double>(cells));
    bar.append(full, '#').append(cells - full, '.');
    return bar;
  }
  const auto eighths = static_cast<std::size_t>(fraction * static_cast<double>(cells) * 8.0);
  const std::size_t full = eighths / 8;
  for (std::size_t i = 0; i < full; ++i) bar.append("█");
  std::size_t drawn = full;
  if (eighths % 8 != 0 && full < cells) {
    bar.append(kEighths[eighths % 8]);
    ++drawn;
  }
  bar.append(cells - drawn, ' ');
  return bar;
}

std::string rate_text(std::optional<double> rate) {
  if (!rate) return "";
  return *rate >= 10.0 ? with_thousands(static_cast<std::uint64_t>(*rate)) + "/s"
                       : fmt::format("{:.1f}/s", *rate);
}

std::optional<seconds> time_left(const JobProgress& progress, std::optional<double> rate) {
  if (!progress.plan_complete || !rate || *rate <= 0.0) return std::nullopt;
  const double left =
      static_cast<double>(progress.planned - std::min(progress.planned, progress.processed)) / *rate;
  if (left > 1e8) return std::nullopt;
  return seconds(static_cast<std::int64_t>(std::ceil(left)));
}

double fraction_done(const JobProgress& progress) {
  if (progress.planned == 0) return 0.0;
  return std::clamp(static_cast<double>(progress.processed) / static_cast<double>(progress.planned), 0.0,
                    1.0);
}

}  // namespace

JobProgress job_progress_from_json(const nlohmann::json& event) {
  const auto count = [&event](const char* name) -> std::uint64_t {
    const auto found = event.find(name);
    return found != event.end() && found->is_number_integer() ? found->get<std::uint64_t>() : 0;
  };
  JobProgress progress;
  progress.planned = count("miniBatchesCreated");
  progress.processed = count("miniBatchesProcessed");
  progress.failed = count("miniBatchesFailed");
  progress.items_total = count("itemsTotal");
  progress.items_succeeded = count("itemsSucceeded");
  progress.items_failed = count("itemsFailed");
  progress.processes_ready = static_cast<std::uint32_t>(count("processesReady"));
  const auto complete = event.find("planComplete");
  progress.plan_complete = complete != event.end() && complete->is_boolean() && complete->get<bool>();
  return progress;
}

void RateEstimate::add(TimePoint now, std::uint64_t processed) {
  samples_.push_back({now, processed});
  while (samples_.size() > 2 && now - samples_[1].time >= kWindow) samples_.pop_front();
}

std::optional<double> RateEstimate::per_second() const {
  if (samples_.size() < 2) return std::nullopt;
  const Sample& first = samples_.front();
  const Sample& last = samples_.back();
  if (last.time - first.time < kMinimalSpan || last.processed < first.processed) return std::nullopt;
  const double span = std::chrono::duration<double>(last.time - first.time).count();
  return static_cast<double>(last.processed - first.processed) / span;
}

std::string with_thousands(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string as_clock(seconds time) {
  const auto total = time.count();
  if (total >= 3600) return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
  return fmt::format("{}:{:02}", total / 60, total % 60);
}

std::string render_bar(const std::string& job, const JobProgress& progress, std::optional<double> rate,
                       seconds elapsed, std::size_t columns, bool utf8) {
  const double fraction = fraction_done(progress);
  // What follows the bar, most important first; the last parts are left out where the line is short.
  std::string tail = progress.plan_complete
                         ? fmt::format(" {:3}%  {}/{} {}", static_cast<int>(fraction * 100.0),
                                       with_thousands(progress.processed), with_thousands(progress.planned),
                                       noun_for(progress.planned, "mini-batch"))
                         : fmt::format("  {} of {}+ mini-batches", with_thousands(progress.processed),
                                       with_thousands(progress.planned));
  const std::uint64_t items = progress.items_succeeded + progress.items_failed;
  const std::size_t room = columns > 1 ? columns - 1 : 0;
  const auto left = time_left(progress, rate);
  const std::string parts[] = {
      progress.items_failed > 0 ? "  " + with_thousands(progress.items_failed) + " " +
                                      noun_for(progress.items_failed, "item") + " failed"
                                : "",
      left ? "  " + as_clock(*left) + " left" : "  " + as_clock(elapsed),
      rate ? "  " + rate_text(rate) : "",
      "  " + with_thousands(items) + " " + noun_for(items, "item"),
      progress.processes_ready == 0 ? (progress.processed == 0 ? "  starting" : "")
                                    : "  " + counted(progress.processes_ready, "process"),
  };
  std::string head = job + " ";
  constexpr std::size_t kSmallestBar = 10;
  constexpr std::size_t kLargestBar = 40;
  constexpr std::size_t kBrackets = 2;
  for (const std::string& part : parts) {
    if (head.size() + kBrackets + kSmallestBar + tail.size() + part.size() <= room) tail += part;
  }
  if (head.size() + kBrackets + kSmallestBar + tail.size() > room) head.clear();
  if (kBrackets + kSmallestBar + tail.size() > room) return tail.substr(0, room);
  const std::size_t cells = std::min(kLargestBar, room - head.size() - kBrackets - tail.size());
  return head + "[" + draw_cells(fraction, cells, utf8) + "]" + tail;
}

std::string render_line(const JobProgress& progress, std::optional<double> rate) {
  std::string line =
      fmt::format("{}/{}{} {}, {} {} succeeded, {} failed", with_thousands(progress.processed),
                  with_thousands(progress.planned), progress.plan_complete ? "" : "+",
                  noun_for(progress.planned, "mini-batch"), with_thousands(progress.items_succeeded),
                  noun_for(progress.items_succeeded, "item"), with_thousands(progress.items_failed));
  if (rate) line += ", " + rate_text(rate);
  if (const auto left = time_left(progress, rate)) line += ", " + as_clock(*left) + " left";
  return line;
}

Display::Display(Options options, TimePoint started) : options_(std::move(options)), started_(started) {}

Display::~Display() { finish(); }

void Display::show(const nlohmann::json& event, TimePoint now) {
  if (options_.mode == DisplayMode::kQuiet) return;
  if (options_.mode == DisplayMode::kJson) {
    // In ASCII: what steers a terminal stands there as its code, and a program reads the same.
    write(without_credentials(event.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)) + "\n");
    return;
  }
  const JobProgress progress = job_progress_from_json(event);
  rate_.add(now, progress.processed);
  const bool bar = options_.mode == DisplayMode::kBar;
  const auto kind = event.find("event");
  const bool last = kind != event.end() && *kind == "finished";
  const auto interval = bar ? std::chrono::duration_cast<TimePoint::duration>(kRedraw)
                            : std::chrono::duration_cast<TimePoint::duration>(options_.line_interval);
  if (!bar && progress.planned == 0) return;
  if (last_drawn_ && now - *last_drawn_ < interval && !last) return;
  last_drawn_ = now;
  if (bar) {
    const auto elapsed = std::chrono::duration_cast<seconds>(now - started_);
    const std::size_t width = terminal_width(options_.descriptor);
    write("\r\x1b[2K" + render_bar(options_.job, progress, rate_.per_second(), elapsed,
                                   width > 0 ? width : kDefaultColumns, options_.utf8));
    bar_is_drawn_ = true;
  } else {
    write(render_line(progress, rate_.per_second()) + "\n");
  }
}

void Display::say(const std::string& message) {
  if (options_.mode == DisplayMode::kQuiet || options_.mode == DisplayMode::kJson) return;
  write((bar_is_drawn_ ? "\r\x1b[2K" : "") +
        marked(presentable(message), screen_of(options_.descriptor).colours) + "\n");
  bar_is_drawn_ = false;
  last_drawn_.reset();
}

void Display::finish() {
  if (bar_is_drawn_) write("\n");
  bar_is_drawn_ = false;
}

void Display::write(const std::string& text) {
  if (cut_off_) return;
  const bool json = options_.mode == DisplayMode::kJson;
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(options_.descriptor, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN && json) {
      pollfd room{options_.descriptor, POLLOUT, 0};
      poll(&room, 1, -1);
      continue;
    }
    if (written <= 0) {
      // A closed terminal is no reason to end a job.
      cut_off_ = json;
      if (json && errno != EPIPE) write_error_ = errno;
      return;
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::size_t terminal_width(int descriptor) {
  winsize size{};
  return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

DisplayMode display_mode_for(int descriptor) {
  const char* term = std::getenv("TERM");
  const bool can_redraw = term != nullptr && std::string_view(term) != "dumb" && *term != '\0';
  return isatty(descriptor) == 1 && can_redraw ? DisplayMode::kBar : DisplayMode::kLines;
}

}  // namespace parallelrun
