// What a person sees while a job runs: one line that is redrawn on a terminal, plain lines elsewhere,
// JSON lines with --json, nothing with --quiet.
//
// The bar is our own 100 lines: the `indicators` library that we would use is in none of the package
// sources that a bare Debian 12 machine has (docs/decisions/0005-libraries.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "common/json/json.h"

namespace parallelrun {

// The part of the orchestrator's progress that is shown. Counts are of the whole job, what earlier runs
// of it committed included.
struct JobProgress {
  std::uint64_t planned = 0;      // mini-batches
  bool plan_complete = false;     // `planned` is final
  std::uint64_t processed = 0;    // mini-batches, succeeded or failed
  std::uint64_t failed = 0;       // mini-batches
  std::uint64_t items_total = 0;  // of the planned mini-batches
  std::uint64_t items_succeeded = 0;
  std::uint64_t items_failed = 0;
  std::uint32_t processes_ready = 0;
};

// Missing members count as zero: an older or newer orchestrator does not break the display.
JobProgress job_progress_from_json(const nlohmann::json& event);

// Mini-batches per second over the last few seconds, from samples that the caller adds as they come.
class RateEstimate {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  void add(TimePoint now, std::uint64_t processed);
  // Empty until two samples lie at least 200 ms apart.
  std::optional<double> per_second() const;

 private:
  static constexpr std::chrono::seconds kWindow{15};
  struct Sample {
    TimePoint time;
    std::uint64_t processed;
  };
  std::deque<Sample> samples_;
};

// One line of at most `columns` character cells, without a line break. Pure.
std::string render_bar(const std::string& job, const JobProgress& progress, std::optional<double> rate,
                       std::chrono::seconds elapsed, std::size_t columns, bool utf8);

// The same as a plain sentence for logs and pipes. Pure.
std::string render_line(const JobProgress& progress, std::optional<double> rate);

// "1,234,567"
std::string with_thousands(std::uint64_t value);
// "1:02:03", "4:05", "0:07"
std::string as_clock(std::chrono::seconds time);

enum class DisplayMode { kBar, kLines, kJson, kQuiet };

// Writes to a file descriptor that it does not own. The destructor leaves the cursor on a fresh line.
class Display {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Options {
    DisplayMode mode = DisplayMode::kLines;
    int descriptor = 2;
    std::string job;
    bool utf8 = true;
    std::chrono::seconds line_interval{10};
  };

  Display(Options options, TimePoint started);
  ~Display();
  Display(const Display&) = delete;
  Display& operator=(const Display&) = delete;

  void show(const nlohmann::json& event, TimePoint now);
  // A message that stays: the bar is cleared, the message printed, the bar drawn again by the next show().
  void say(const std::string& message);
  void finish();

  // Why JSON lines could not be written: an errno; 0: they could. Nothing is written after that, since half a
  // line may have been. A reader that has left (EPIPE) is no failure.
  int write_error() const { return write_error_; }

 private:
  void write(const std::string& text);

  Options options_;
  TimePoint started_;
  RateEstimate rate_;
  std::optional<TimePoint> last_drawn_;
  bool bar_is_drawn_ = false;
  bool cut_off_ = false;  // nothing is written any more
  int write_error_ = 0;
};

// The columns of the terminal behind a descriptor; 0: it is none.
std::size_t terminal_width(int descriptor);

// Bar on a terminal that can move its cursor, lines elsewhere.
DisplayMode display_mode_for(int descriptor);

}  // namespace parallelrun
