#include "runner/pod/status_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

namespace parallelrun {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Never reached: a flush that ends says so sooner.
constexpr std::chrono::seconds kForever{40};
// Four times what five hurried tries take, and less than five that are paced.
constexpr std::chrono::seconds kEnough{10};

json counts(std::uint64_t done) { return {{"miniBatchesCreated", 9U}, {"miniBatchesProcessed", done}}; }

kube::ApiError failure(kube::ApiFailure kind) {
  kube::ApiError error;
  error.failure = kind;
  error.message = "no";
  return error;
}

// An API server that answers as it is told, and remembers what was written.
class Server {
 public:
  explicit Server(std::vector<kube::ApiFailure> failures = {}) : failures_(std::move(failures)) {}

  kube::ApiResult<json> apply(const json& status) {
    const std::lock_guard lock(mutex_);
    const std::size_t at = tries_++;
    if (at < failures_.size()) return failure(failures_[at]);
    written_.push_back(status.at("miniBatchesProcessed").get<std::uint64_t>());
    return json::object();
  }
  StatusWriter::Apply applied() {
    return [this](const json& status, const std::stop_token&) { return apply(status); };
  }
  std::vector<std::uint64_t> written() const {
    const std::lock_guard lock(mutex_);
    return written_;
  }
  std::size_t tries() const {
    const std::lock_guard lock(mutex_);
    return tries_;
  }
  void await_tries(std::size_t count) const {
    while (tries() < count) std::this_thread::sleep_for(1ms);
  }

 private:
  const std::vector<kube::ApiFailure> failures_;
  mutable std::mutex mutex_;
  std::vector<std::uint64_t> written_;
  std::size_t tries_ = 0;
};

void quiet(const std::string&) {}

TEST(StatusWriter, AFlushDoesNotWaitForThePace) {
  auto shortest = Clock::duration::max();
  // A busy machine may hold one of them up for as long, but not each.
  for (int round = 0; round < 5 && shortest >= ProgressPace::kShort / 2; ++round) {
    Server server;
    StatusWriter writer(server.applied(), quiet);
    writer.set(counts(1));
    server.await_tries(1);
    writer.set(counts(2));
    const auto begin = Clock::now();
    writer.flush(kForever);
    shortest = std::min(shortest, Clock::now() - begin);
    EXPECT_EQ(server.written(), (std::vector<std::uint64_t>{1, 2}));
  }
  EXPECT_LT(shortest, ProgressPace::kShort / 2);
}

TEST(StatusWriter, AFlushTriesAgainWhatFails) {
  using enum kube::ApiFailure;
  Server server({kUnreachable, kStopped, kServer, kTooManyRequests, kUnreachable});
  StatusWriter writer(server.applied(), quiet);
  writer.set(counts(9));
  EXPECT_TRUE(writer.flush(kEnough));
  EXPECT_EQ(server.written(), std::vector<std::uint64_t>{9});
  EXPECT_EQ(server.tries(), 6U);
}

// The failure of an older progress, while the flush waits, is not the end of the newest.
TEST(StatusWriter, AFlushThatComesDuringAFailingWriteStillWritesTheLast) {
  std::atomic<bool> entered{false};
  std::atomic<bool> go_on{false};
  Server server(std::vector<kube::ApiFailure>(5, kube::ApiFailure::kUnreachable));
  StatusWriter writer(
      [&](const json& status, const std::stop_token&) {
        entered = true;
        while (!go_on) std::this_thread::sleep_for(1ms);
        return server.apply(status);
      },
      quiet);
  writer.set(counts(1));
  while (!entered) std::this_thread::sleep_for(1ms);
  writer.set(counts(9));
  std::jthread later([&] {
    std::this_thread::sleep_for(20ms);
    go_on = true;
  });
  writer.flush(kEnough);
  EXPECT_EQ(server.written(), std::vector<std::uint64_t>{9});
}

TEST(StatusWriter, AFlushEndsWhereTheServerRefuses) {
  using enum kube::ApiFailure;
  for (const kube::ApiFailure refusal : {kForbidden, kNotFound, kInvalid, kConflict}) {
    Server server(std::vector<kube::ApiFailure>(1000, refusal));
    StatusWriter writer(server.applied(), quiet);
    writer.set(counts(9));
    const auto begin = Clock::now();
    writer.flush(kForever);
    EXPECT_LT(Clock::now() - begin, kForever);
    // One of them may have been before the flush began.
    EXPECT_LE(server.tries(), 2U);
  }
}

TEST(StatusWriter, AFlushHasItsPatience) {
  Server server(std::vector<kube::ApiFailure>(1000, kube::ApiFailure::kUnreachable));
  StatusWriter writer(server.applied(), quiet);
  writer.set(counts(9));
  const auto begin = Clock::now();
  EXPECT_FALSE(writer.flush(700ms));
  EXPECT_GE(Clock::now() - begin, 700ms);
  EXPECT_TRUE(server.written().empty());
}

TEST(StatusWriter, TroubleIsToldOnceAndItsEndToo) {
  std::vector<std::string> told;
  std::mutex mutex;
  Server server(std::vector<kube::ApiFailure>(3, kube::ApiFailure::kServer));
  StatusWriter writer(server.applied(), [&](const std::string& line) {
    const std::lock_guard lock(mutex);
    told.push_back(line);
  });
  writer.set(counts(9));
  writer.flush(kForever);
  const std::lock_guard lock(mutex);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_TRUE(told[0].starts_with("warning: status.progress cannot be written"));
  EXPECT_EQ(told[1], "status.progress is written again");
}

}  // namespace
}  // namespace parallelrun
