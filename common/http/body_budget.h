// How many bytes of requests the server holds at one time: those being read, and those whose answer is still
// to come, since what they brought lies in a queue until then. Bodies are counted as they arrive, whatever
// length they have announced. One body may go beyond the limit, so that there is always one that gets on; the
// others stop being read until there is room. A small body never waits: a sign of life is one.
//
// One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <utility>

namespace parallelrun {

class BodyBudget {
 public:
  explicit BodyBudget(std::uint64_t limit) : limit_(limit) {}
  BodyBudget(const BodyBudget&) = delete;
  BodyBudget& operator=(const BodyBudget&) = delete;

  // What one request holds. The budget must outlive it.
  class Hold {
   public:
    explicit Hold(BodyBudget& budget) : budget_(budget) {}
    ~Hold() { budget_.release(*this); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

    // True: `bytes` more are its own. False: `room` is called once, when it is worth asking again.
    bool take(std::uint64_t bytes, std::function<void()> room) {
      return budget_.take(*this, bytes, std::move(room));
    }
    // It does not wait any more.
    void give_up_waiting() { budget_.forget(*this); }

   private:
    friend class BodyBudget;
    BodyBudget& budget_;
    std::uint64_t bytes_ = 0;
  };

  std::uint64_t bytes() const { return used_; }  // those beyond the limit included
  std::size_t waiting() const { return waiting_.size(); }

 private:
  bool take(Hold& hold, std::uint64_t bytes, std::function<void()> room) {
    const bool small = hold.bytes_ + bytes <= kAlwaysTaken;
    if (!small && beyond_ == nullptr && used_ + bytes > limit_) beyond_ = &hold;
    if (!small && beyond_ != &hold && used_ - beyond_bytes() + bytes > limit_) {
      waiting_.emplace_back(&hold, std::move(room));
      return false;
    }
    hold.bytes_ += bytes;
    used_ += bytes;
    return true;
  }

  std::uint64_t beyond_bytes() const { return beyond_ == nullptr ? 0 : beyond_->bytes_; }

  void forget(Hold& hold) {
    waiting_.remove_if([&hold](const auto& entry) { return entry.first == &hold; });
  }

  void release(Hold& hold) {
    forget(hold);
    used_ -= hold.bytes_;
    if (beyond_ == &hold) beyond_ = nullptr;
    if (hold.bytes_ == 0) return;
    // Each asks again, in the order in which they came; who is refused again waits again.
    auto waiting = std::exchange(waiting_, {});
    for (auto& [waiter, room] : waiting) room();
  }

  static constexpr std::uint64_t kAlwaysTaken = 64U << 10U;

  const std::uint64_t limit_;
  std::uint64_t used_ = 0;
  Hold* beyond_ = nullptr;  // the one that may go beyond the limit
  std::list<std::pair<Hold*, std::function<void()>>> waiting_;
};

}  // namespace parallelrun
