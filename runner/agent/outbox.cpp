#include "runner/agent/outbox.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace parallelrun::agent {

std::size_t Outbox::weight(const AttemptResult& result) {
  return sizeof(AttemptResult) + result.rows.size() + result.error.message.size() +
         result.error.traceback.size();
}

void Outbox::add(AttemptResult result) {
  const std::size_t size = weight(result);
  bytes_ += size;
  waiting_bytes_ += size;
  ++results_;
  waiting_.push_back(std::move(result));
}

void Outbox::fill(ReportRequest& report) {
  std::size_t taken = 0;
  while (!waiting_.empty() && report.results.size() < limits_.report_results) {
    const std::size_t size = weight(waiting_.front());
    if (!report.results.empty() && taken + size > limits_.report_bytes) break;
    taken += size;
    report.results.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  waiting_bytes_ -= taken;
  std::move(failures_.begin(), failures_.end(), std::back_inserter(report.failures));
  failures_.clear();
}

void Outbox::acknowledged(const ReportRequest& report) {
  for (const AttemptResult& result : report.results) bytes_ -= weight(result);
  results_ -= report.results.size();
}

void Outbox::put_back(ReportRequest& report) {
  for (auto result = report.results.rbegin(); result != report.results.rend(); ++result) {
    waiting_bytes_ += weight(*result);
    waiting_.push_front(std::move(*result));
  }
  failures_.insert(failures_.begin(), std::make_move_iterator(report.failures.begin()),
                   std::make_move_iterator(report.failures.end()));
  report.results.clear();
  report.failures.clear();
}

}  // namespace parallelrun::agent
