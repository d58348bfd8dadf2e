#include "runner/orchestrator/server/progress_stream.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "common/json/compact_text.h"
#include "common/json/members.h"
#include "common/spec/problems.h"
#include "common/text/presentable.h"

namespace parallelrun::orchestrator {
namespace {

constexpr std::chrono::milliseconds kInterval{100};
constexpr std::chrono::milliseconds kPatience{5000};
constexpr std::size_t kMostLeftOut = 64;  // as the schema of status.progress has it
constexpr std::size_t kPiece = 4096;      // a pipe that is writable takes at least that much without blocking

}  // namespace

void ProgressStream::ready(const std::string& endpoint, bool taken_over) {
  write_line({{"event", "ready"}, {"endpoint", endpoint}, {"takenOver", taken_over}}, kPatience);
}

void ProgressStream::progress(const Progress& progress, std::chrono::steady_clock::time_point now) {
  if (progress.processes_ready > 0) start_failure_.clear();
  if (fd_ < 0 || now - told_ < kInterval || last_ == progress) return;
  told_ = now;
  last_ = progress;
  nlohmann::json event = to_json(progress);
  event["event"] = "progress";
  if (!left_out_.empty()) event["leftOut"] = left_out_;
  if (!taken_over_.is_null()) event["takenOver"] = taken_over_;
  if (!start_failure_.empty()) event["startFailure"] = start_failure_;
  write_line(event, std::chrono::milliseconds(0));
}

void ProgressStream::left_out(const std::string& input, const PassedOver& passed) {
  nlohmann::json entry = {{"input", input},
                          {"kind", to_string(passed.kind)},
                          {"count", passed.count},
                          {"first", shown(passed.first)}};
  last_.reset();  // it is news, also where no other count changes
  for (nlohmann::json& known : left_out_) {
    if (known["input"] == entry["input"] && known["kind"] == entry["kind"]) {
      known = std::move(entry);
      return;
    }
  }
  if (left_out_.size() < kMostLeftOut) left_out_.push_back(std::move(entry));
}

void ProgressStream::set_taken_over(nlohmann::json taken) {
  if (count_at(taken, "miniBatches") > 0) taken.erase("again");
  taken_over_ = std::move(taken);
}

void ProgressStream::start_failure(std::string words) {
  last_.reset();
  start_failure_ = std::move(words);
}

void ProgressStream::tell(const nlohmann::json& event) { write_line(event, std::chrono::milliseconds(0)); }

void ProgressStream::finished(nlohmann::json event) {
  event["event"] = "finished";
  if (!left_out_.empty()) event["leftOut"] = left_out_;
  write_line(event, kPatience);
}

void ProgressStream::write_line(const nlohmann::json& event, std::chrono::milliseconds patience) {
  if (fd_ < 0) return;
  // Quotes end an address, so what is taken out leaves JSON.
  const std::string text = without_credentials(compact_text(event)) + "\n";
  std::string_view line = text;
  bool first = true;
  while (!line.empty()) {
    pollfd writable{fd_, POLLOUT, 0};
    // Once begun a line is finished, or the reader could not tell where the next one starts.
    const auto wait = first ? patience : kPatience;
    if (poll(&writable, 1, static_cast<int>(wait.count())) <= 0) {
      if (!first) fd_ = -1;
      return;
    }
    const ssize_t n = ::write(fd_, line.data(), std::min(line.size(), kPiece));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      fd_ = -1;
      return;
    }
    line.remove_prefix(static_cast<std::size_t>(n));
    first = false;
  }
}

}  // namespace parallelrun::orchestrator
