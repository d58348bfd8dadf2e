#include "runner/web/growing_log.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "common/result/try.h"
#include "runner/report/job_report.h"
#include "runner/web/output_answers.h"
#include "runner/web/output_folder.h"

namespace parallelrun::web {
namespace {

constexpr std::chrono::milliseconds kBetweenGrowths{250};
constexpr std::uint64_t kFirstBytes = std::uint64_t{1} << 20U;
constexpr std::size_t kPiece = std::size_t{64} << 10U;
constexpr std::size_t kLongestHead = 64;
constexpr std::string_view kEnd = "end";

bool at_work(const std::string& directory) {
  const auto job = report::report_of(directory);
  return job && report::at_work(job->state);
}

std::string head_of(std::uint64_t offset, std::size_t length) {
  return fmt::format("at {} {}\n", offset, length);
}

std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

// Where in a log the pod is.
class Reading {
 public:
  explicit Reading(const std::function<bool(std::string_view)>& write) : write_(write) {}

  // False: nobody reads any more.
  bool go_on(const FileDescriptor& file) {
    struct stat status{};
    if (fstat(file.get(), &status) != 0) return true;
    const auto size = static_cast<std::uint64_t>(status.st_size);
    const bool first = inode_ == 0;
    if (first) offset_ = size - std::min(size, kFirstBytes);
    // Another file, or the same one begun anew.
    const bool anew = !first && (status.st_ino != inode_ || size < offset_);
    if (anew) offset_ = 0;
    inode_ = status.st_ino;
    // So that its size is known, and what was before is forgotten.
    if ((first || anew) && !write_(head_of(offset_, 0))) return false;
    std::string bytes(kPiece, '\0');
    while (true) {
      const auto read = read_at(file.get(), bytes.data(), bytes.size(), offset_);
      if (!read || *read == 0) return true;
      if (!write_(head_of(offset_, *read) + bytes.substr(0, *read))) return false;
      offset_ += *read;
    }
  }

 private:
  const std::function<bool(std::string_view)>& write_;
  ino_t inode_ = 0;
  std::uint64_t offset_ = 0;
};

}  // namespace

Status write_growing_log(const std::string& directory, const std::string& path,
                         const std::function<bool(std::string_view)>& write) {
  ASSIGN_OR_RETURN(const OutputFolder folder, OutputFolder::open(directory, ""));
  if (const auto there = log_file(folder, path); !there) return there.error();
  Reading reading(write);
  while (true) {
    // What the job wrote before its end is there to be read after it.
    const bool last = !at_work(directory);
    const auto file = log_file(folder, path);  // a rotation may be at it
    if (file && !reading.go_on(*file)) return {};
    if (last) {
      write(std::string(kEnd) + "\n");
      return {};
    }
    std::this_thread::sleep_for(kBetweenGrowths);
  }
}

bool GrowingLog::take(std::string_view bytes) {
  while (!bytes.empty()) {
    if (ended_) return false;
    if (left_ > 0) {
      const std::size_t now = std::min<std::uint64_t>(left_, bytes.size());
      kept_.append(bytes.substr(0, now));
      bytes.remove_prefix(now);
      left_ -= now;
      continue;
    }
    const std::size_t line_break = std::min(bytes.find('\n'), bytes.size());
    head_.append(bytes.substr(0, line_break));
    if (head_.size() > kLongestHead) return false;
    if (line_break == bytes.size()) break;
    bytes.remove_prefix(line_break + 1);
    if (!take_head()) return false;
  }
  // Not each time a few bytes come: moving what is kept takes a while.
  if (kept_.size() > kMostKept) {
    const std::size_t gone = kept_.size() - kMostKept / 2;
    kept_.erase(0, gone);
    begin_ += gone;
  }
  return true;
}

bool GrowingLog::take_head() {
  const std::string head = std::exchange(head_, "");
  if (head == kEnd) return ended_ = true;
  std::string_view rest = head;
  if (!rest.starts_with("at ")) return false;
  rest.remove_prefix(3);
  const auto offset = take_number(rest);
  if (!offset || !rest.starts_with(' ')) return false;
  rest.remove_prefix(1);
  const auto length = take_number(rest);
  constexpr std::uint64_t kFar = std::uint64_t{1} << 60U;
  if (!length || !rest.empty() || *length > kPiece || *offset > kFar) return false;
  if (!any_ || *offset != begin_ + kept_.size()) {
    begin_ = *offset;
    kept_.clear();
  }
  any_ = true;
  left_ = *length;
  return true;
}

std::optional<std::uint64_t> GrowingLog::size() const {
  return any_ ? std::optional(begin_ + kept_.size()) : std::nullopt;
}

std::optional<LogPiece> GrowingLog::piece(const LogRange& range) const {
  if (!any_) return std::nullopt;
  auto piece = log_piece(begin_ + kept_.size(), range,
                         [this](char* into, std::size_t most, std::uint64_t offset) -> Result<std::size_t> {
                           if (offset < begin_)
                             return Error{ErrorCode::kNotFound, "it is not kept any more", false};
                           const std::uint64_t from = std::min<std::uint64_t>(offset - begin_, kept_.size());
                           const std::size_t count = std::min<std::uint64_t>(most, kept_.size() - from);
                           std::memcpy(into, kept_.data() + from, count);
                           return count;
                         });
  return piece ? std::optional(std::move(piece).value()) : std::nullopt;
}

}  // namespace parallelrun::web
