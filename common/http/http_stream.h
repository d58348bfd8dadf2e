// A reply that comes piece by piece, such as server-sent events. Whoever makes it keeps it and appends; the
// connection that it was given to sends on as fast as its peer reads, and never holds more than a bounded
// number of bytes for a peer that does not.
//
// One thread: that of the server's io_context.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace parallelrun {

class HttpStream {
 public:
  // `most_waiting`: bytes that may wait for the peer.
  explicit HttpStream(std::size_t most_waiting) : most_waiting_(most_waiting) {}
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;

  // False: nobody reads it any more. The peer has gone, or is so slow that more than `most_waiting` bytes
  // would wait for it, which closes its connection.
  bool send(std::string_view bytes) {
    if (!open()) return false;
    if (waiting_.size() + bytes.size() > most_waiting_) {
      lose_reader();
    } else {
      waiting_ += bytes;
    }
    if (wake_) wake_();
    return !lost_;
  }

  // What waits is sent, and then the reply is whole.
  void end() {
    ended_ = true;
    if (wake_) wake_();
  }

  bool open() const { return !lost_ && !ended_; }

  // The rest is the connection's. `wake` is called when there is something to do.
  void attach(std::function<void()> wake) { wake_ = std::move(wake); }
  void lose_reader() {
    lost_ = true;
    waiting_ = {};
  }
  bool lost() const { return lost_; }
  bool ended() const { return ended_; }
  std::string take() { return std::exchange(waiting_, {}); }

 private:
  const std::size_t most_waiting_;
  std::string waiting_;
  std::function<void()> wake_;
  bool ended_ = false;
  bool lost_ = false;
};

}  // namespace parallelrun
