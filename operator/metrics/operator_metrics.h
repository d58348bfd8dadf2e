// What the operator counts, under the names that controller-runtime and client-go use, so that existing
// dashboards work; and the jobs' own. Labels take a bounded set of values.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "common/kube/observed_transport.h"
#include "operator/controller/controller.h"
#include "operator/controller/observer.h"

namespace parallelrun::op {

// Thread-safe.
class OperatorMetrics final : public Observer, public kube::RequestObserver {
 public:
  // `host` is the label of requests to the API server.
  explicit OperatorMetrics(std::string host);
  ~OperatorMetrics() override;
  OperatorMetrics(const OperatorMetrics&) = delete;
  OperatorMetrics& operator=(const OperatorMetrics&) = delete;

  // Where depth of the queue, jobs by state and such are read when somebody looks. Empty until then.
  void set_state(std::function<Controller::State()> state, std::size_t workers);
  void set_leader(const std::string& lease, bool leads);

  void on_request(const kube::RequestOutcome& outcome) override;
  void key_added() override;
  void key_taken(kube::Duration waited) override;
  void key_done(kube::Duration worked) override;
  void key_retried() override;
  void reconciled(ReconcileOutcome outcome, kube::Duration took) override;
  void job_finished(const std::string& result, const std::string& reason) override;
  void work_done(const WorkCounts& fresh) override;

  // All of it in Prometheus' text format.
  std::string text() const;

 private:
  struct Families;
  const std::string host_;
  const std::unique_ptr<Families> families_;
};

}  // namespace parallelrun::op
