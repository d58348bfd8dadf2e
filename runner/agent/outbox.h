// Results and process failures on their way to the orchestrator: kept until acknowledged, bounded in
// memory (back-pressure), and carried over to a new session. Pure; one thread.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "runner/protocol/messages.h"

namespace parallelrun::agent {

class Outbox {
 public:
  struct Limits {
    std::size_t full_bytes = 64U << 20U;  // unacknowledged beyond this: hand nothing new out
    std::size_t full_results = 200'000;
    std::size_t report_bytes = 8U << 20U;  // of results in one report; a larger single result goes alone
    std::size_t report_results = 20'000;
  };

  Outbox() : Outbox(Limits{}) {}
  explicit Outbox(Limits limits) : limits_(limits) {}

  void add(AttemptResult result);
  void add(ProcessFailure failure) { failures_.push_back(std::move(failure)); }

  bool full() const { return bytes_ >= limits_.full_bytes || results_ >= limits_.full_results; }
  // Nothing that waits to be put into a report (a report in flight may still be unacknowledged).
  bool nothing_waits() const { return waiting_.empty() && failures_.empty(); }
  std::size_t waiting_results() const { return waiting_.size(); }
  std::size_t waiting_bytes() const { return waiting_bytes_; }
  std::size_t unacknowledged_results() const { return results_; }

  // Moves what fits into `report`. It counts as unacknowledged until one of the next two is called with it.
  void fill(ReportRequest& report);
  void acknowledged(const ReportRequest& report);
  // The session of that report has ended: all of it is reported again, first.
  void put_back(ReportRequest& report);

 private:
  static std::size_t weight(const AttemptResult& result);

  Limits limits_;
  std::deque<AttemptResult> waiting_;
  std::vector<ProcessFailure> failures_;
  std::size_t waiting_bytes_ = 0;
  std::size_t bytes_ = 0;    // waiting and in flight
  std::size_t results_ = 0;  // waiting and in flight
};

}  // namespace parallelrun::agent
