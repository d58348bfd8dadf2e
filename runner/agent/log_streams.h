// Log bytes on their way to the orchestrator: one bounded backlog for each file below `logs/`. Writing
// never waits; what does not fit is dropped, with a note of how much in its place. Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runner/agent/console.h"
#include "runner/agent/standstills.h"
#include "runner/protocol/messages.h"

namespace parallelrun::agent {

// kRecords: each append is one line, which is sent whole or not at all; the note is a line of JSON.
enum class LogKind { kText, kRecords };

class LogBuffer {
 public:
  static constexpr Duration kPartialLineWaits = std::chrono::seconds(1);
  static constexpr std::size_t kLongestHeldLine = 64U << 10U;

  LogBuffer(std::string path, std::size_t capacity, LogKind kind = LogKind::kText)
      : path_(std::move(path)), capacity_(capacity), kind_(kind) {}

  void append(std::string_view bytes, Time now);
  // What is appended goes there too; it must outlive this.
  void copy_to(Console::Stream& console) { console_ = &console; }
  // What may be shipped now: whole lines, and a line without an end once it has waited long enough, has
  // grown long, or `flush`. At most about `most` bytes, of records at least one; empty: nothing.
  std::string take(Time now, std::size_t most, bool flush);

  std::size_t size() const { return bytes_.size(); }
  const std::string& path() const { return path_; }

 private:
  void note_dropped();

  std::string path_;
  std::size_t capacity_;
  LogKind kind_;
  std::string bytes_;
  std::uint64_t dropped_ = 0;  // bytes, or records
  Time partial_since_{};       // when the line that has no end yet began
  Console::Stream* console_ = nullptr;
};

class LogStreams {
 public:
  static constexpr std::size_t kCapacity = 8U << 20U;
  static constexpr std::size_t kReportBytes = 4U << 20U;

  // Streams made from now on with a name for it are copied to `console`, which must outlive them.
  void set_console(Console& console) { console_ = &console; }
  // The stream of that file; made at the first call. The reference stays good.
  LogBuffer& stream(const std::string& path, const std::string& console_name = {});
  // The same, of records, which no console shows.
  LogBuffer& records(const std::string& path);
  // Adds chunks, fairly among the files.
  void fill(std::vector<LogChunk>& chunks, Time now, bool flush);
  std::size_t waiting_bytes() const;

 private:
  std::map<std::string, std::unique_ptr<LogBuffer>> streams_;
  Console* console_ = nullptr;
};

}  // namespace parallelrun::agent
