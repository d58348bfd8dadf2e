#include "runner/agent/node_log.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <ctime>
#include <iterator>

#include "common/text/presentable.h"

namespace parallelrun::agent {
namespace {

std::string_view words(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSucceeded:
      return "succeeded";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kTimedOut:
      return "timed out";
    case Outcome::kDied:
      return "process died";
    case Outcome::kReturned:
      return "handed back";
    case Outcome::kFailedForGood:
      return "failed for good";
    case Outcome::kUndecided:
      return "waits for the column types";
  }
  return "";
}

void append_seconds(std::string& out, std::uint64_t us) {
  fmt::format_to(std::back_inserter(out), "{}.{:06} s", us / 1'000'000, us % 1'000'000);
}

}  // namespace

void TimeText::append(std::string& out, std::int64_t unix_us) {
  const std::int64_t second = std::max<std::int64_t>(0, unix_us) / 1'000'000;
  if (second != second_) {
    second_ = second;
    const std::time_t time = second;
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    text_.resize(32);
    text_.resize(std::strftime(text_.data(), text_.size(), "%Y-%m-%dT%H:%M:%S", &parts));
  }
  fmt::format_to(std::back_inserter(out), "{}.{:06}Z", text_, std::max<std::int64_t>(0, unix_us) % 1'000'000);
}

NodeLog::NodeLog(LogStreams& streams, const std::string& node, std::uint32_t slots, LoggingLevel level)
    : node_(node), level_(level), slots_(slots) {
  for (SlotIndex slot = 0; slot < slots; ++slot) {
    slots_[slot].log =
        &streams.stream(fmt::format("sys/node/{}/{}.txt", node_folder(node), process_name(slot)));
  }
}

void NodeLog::picked_up(SlotIndex slot, const Lease& lease, std::int64_t unix_us) {
  if (level_ == LoggingLevel::kWarning) return;
  line_.clear();
  time_.append(line_, unix_us);
  if (lease.kind == LeaseKind::kInferTypes) {
    fmt::format_to(std::back_inserter(line_), " picked up the column types of input {}", lease.input);
  } else {
    fmt::format_to(std::back_inserter(line_), " picked up mini-batch {} (try {})", to_string(lease.work),
                   lease.try_number);
  }
  fmt::format_to(std::back_inserter(line_), "; worker {} pid {}; items {}\n", node_, slots_[slot].pid,
                 lease.items);
  slots_[slot].log->append(line_, std::chrono::steady_clock::time_point{});
}

void NodeLog::done(SlotIndex slot, const AttemptResult& result, const Lease& lease) {
  const bool succeeded = result.outcome == Outcome::kSucceeded;
  if (level_ == LoggingLevel::kWarning && succeeded) return;
  line_.clear();
  time_.append(line_, result.started_unix_us + static_cast<std::int64_t>(result.duration_us));
  if (lease.kind == LeaseKind::kInferTypes) {
    fmt::format_to(std::back_inserter(line_), " done with the column types of input {}: {}", lease.input,
                   words(result.outcome));
  } else {
    fmt::format_to(std::back_inserter(line_), " done with mini-batch {} (try {}): {}", to_string(lease.work),
                   lease.try_number, words(result.outcome));
  }
  const std::uint64_t good = succeeded ? std::min(result.returned, result.items) : 0;
  fmt::format_to(std::back_inserter(line_),
                 "; worker {} pid {}; items {} in total, {} succeeded, {} failed; started ", node_,
                 result.pid, result.items, good, result.items - good);
  time_.append(line_, result.started_unix_us);
  line_ += ", duration ";
  append_seconds(line_, result.duration_us);
  line_ += ", process time ";
  append_seconds(line_, result.process_time_us);
  line_ += ", run ";
  append_seconds(line_, result.run_us);
  if (!succeeded) {
    // Whole: the cause may stand at the end.
    fmt::format_to(std::back_inserter(line_), "; {}: {}", presentable(result.error.type),
                   presentable(result.error.message));
  }
  line_.push_back('\n');
  slots_[slot].log->append(line_, std::chrono::steady_clock::time_point{});
}

}  // namespace parallelrun::agent
