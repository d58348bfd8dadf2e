// What scripts print, on one descriptor besides the log tree, so that `kubectl logs` of a worker shows it:
// whole lines, each with the name of its process before it. Bounded, and never waits for a slow reader: what
// does not fit is left out, with a note of how much. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace parallelrun::agent {

class Console {
 public:
  static constexpr std::size_t kBacklog = 1U << 20U;       // bytes of all streams
  static constexpr std::size_t kLongestLine = 16U << 10U;  // a longer one comes in several

  // One process's stream; the lines of several streams never mix.
  class Stream {
   public:
    Stream(Console& console, std::string name) : console_(console), name_(std::move(name)) {}
    void append(std::string_view bytes);
    // A line that has no end yet.
    void finish();

   private:
    Console& console_;
    std::string name_;
    std::string line_;
  };

  // `fd` is not closed; negative: nothing is written.
  explicit Console(int fd) : fd_(fd) {}

  // The reference stays good. Streams of the same name share a line.
  Stream& stream(const std::string& name);
  // Writes what the reader takes now. To be called every 50 ms or so.
  void pump();
  // The last lines, for at most a second.
  void finish();

 private:
  void add_line(std::string_view name, std::string_view line);
  // False: the reader takes nothing now.
  bool write_some(int wait_ms);

  int fd_;
  std::map<std::string, std::unique_ptr<Stream>> streams_;
  std::string backlog_;
  std::uint64_t left_out_ = 0;  // bytes
};

}  // namespace parallelrun::agent
