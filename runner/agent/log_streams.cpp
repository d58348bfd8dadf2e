#include "runner/agent/log_streams.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

namespace parallelrun::agent {

void LogBuffer::append(std::string_view bytes, Time now) {
  if (console_ != nullptr) console_->append(bytes);
  const std::size_t room = capacity_ - std::min(capacity_, bytes_.size());
  if (dropped_ > 0 || bytes.size() > room) {
    // Once something is dropped the stream stays shut until it is shipped, so that one note tells all.
    const std::size_t fits = dropped_ > 0 || kind_ == LogKind::kRecords ? 0 : room;
    dropped_ += kind_ == LogKind::kRecords ? 1 : bytes.size() - fits;
    bytes = bytes.substr(0, fits);
  }
  if (bytes.empty()) return;
  const bool was_whole = bytes_.empty() || bytes_.back() == '\n';
  bytes_.append(bytes);
  if (kind_ == LogKind::kRecords && bytes.back() != '\n') bytes_.push_back('\n');
  if (bytes.back() != '\n' && (was_whole || bytes.find('\n') != std::string_view::npos)) partial_since_ = now;
}

void LogBuffer::note_dropped() {
  if (dropped_ == 0) return;
  if (kind_ == LogKind::kRecords) {
    fmt::format_to(std::back_inserter(bytes_), "{{\"dropped\":{}}}\n", std::exchange(dropped_, 0));
    return;
  }
  if (!bytes_.empty() && bytes_.back() != '\n') bytes_.push_back('\n');
  fmt::format_to(std::back_inserter(bytes_),
                 "[parallelrun: {} bytes were dropped here: the stream grew faster than it could be sent]\n",
                 dropped_);
  dropped_ = 0;
}

std::string LogBuffer::take(Time now, std::size_t most, bool flush) {
  note_dropped();
  if (bytes_.empty()) return {};
  std::size_t end = bytes_.size();
  if (bytes_.back() != '\n' && !flush && now - partial_since_ < kPartialLineWaits) {
    const std::size_t line_break = bytes_.rfind('\n');
    const std::size_t whole = line_break == std::string::npos ? 0 : line_break + 1;
    if (end - whole < kLongestHeldLine) end = whole;
  }
  if (end > most) {
    std::size_t line_break = bytes_.rfind('\n', most - 1);
    if (line_break == std::string::npos && kind_ == LogKind::kRecords) line_break = bytes_.find('\n');
    end = line_break == std::string::npos ? most : line_break + 1;
  }
  if (end == bytes_.size()) return std::exchange(bytes_, {});
  std::string out = bytes_.substr(0, end);
  bytes_.erase(0, end);
  return out;
}

LogBuffer& LogStreams::stream(const std::string& path, const std::string& console_name) {
  std::unique_ptr<LogBuffer>& buffer = streams_[path];
  if (!buffer) {
    buffer = std::make_unique<LogBuffer>(path, kCapacity);
    if (console_ != nullptr && !console_name.empty()) buffer->copy_to(console_->stream(console_name));
  }
  return *buffer;
}

LogBuffer& LogStreams::records(const std::string& path) {
  std::unique_ptr<LogBuffer>& buffer = streams_[path];
  if (!buffer) buffer = std::make_unique<LogBuffer>(path, kCapacity, LogKind::kRecords);
  return *buffer;
}

void LogStreams::fill(std::vector<LogChunk>& chunks, Time now, bool flush) {
  const auto full = static_cast<std::size_t>(std::count_if(
      streams_.begin(), streams_.end(), [](const auto& entry) { return entry.second->size() > 0; }));
  const std::size_t share = kReportBytes / std::max<std::size_t>(1, full);
  for (auto& [path, buffer] : streams_) {
    std::string bytes = buffer->take(now, share, flush);
    if (!bytes.empty()) chunks.push_back({path, std::move(bytes)});
  }
}

std::size_t LogStreams::waiting_bytes() const {
  std::size_t sum = 0;
  for (const auto& [path, buffer] : streams_) sum += buffer->size();
  return sum;
}

}  // namespace parallelrun::agent
