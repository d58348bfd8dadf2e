#include "operator/metrics/operator_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <utility>
#include <vector>

#include "operator/decide/conditions.h"
#include "operator/metrics/process_metrics.h"

namespace parallelrun::op {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr const char* kController = "parallelrunjob";  // also the name of its queue
constexpr std::size_t kMostReasons = 50;

double seconds(kube::Duration duration) { return std::chrono::duration<double>(duration).count(); }

// controller-runtime's.
std::vector<double> reconcile_buckets() {
  return {0.005, 0.01, 0.025, 0.05, 0.1,  0.15, 0.2,  0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6,
          0.7,   0.8,  0.9,   1,    1.25, 1.5,  1.75, 2,    2.5, 3,    3.5, 4,    4.5, 5,
          6,     7,    8,     9,    10,   15,   20,   25,   30,  40,   50,  60};
}

// client-go's for queues.
std::vector<double> queue_buckets() {
  return {1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1000};
}

template <typename Builder>
auto& family(Builder builder, const char* name, const char* help, prometheus::Registry& registry) {
  return builder.Name(name).Help(help).Register(registry);
}

}  // namespace

struct OperatorMetrics::Families {
  // NOLINTBEGIN(readability-identifier-naming)
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& reconciles =
      family(prometheus::BuildCounter(), "controller_runtime_reconcile_total",
             "Total number of reconciliations per controller", registry);
  prometheus::Counter& errors =
      family(prometheus::BuildCounter(), "controller_runtime_reconcile_errors_total",
             "Total number of reconciliation errors per controller", registry)
          .Add({{"controller", kController}});
  prometheus::Histogram& reconcile_time =
      family(prometheus::BuildHistogram(), "controller_runtime_reconcile_time_seconds",
             "Length of time per reconciliation per controller", registry)
          .Add({{"controller", kController}}, reconcile_buckets());
  prometheus::Counter& adds = family(prometheus::BuildCounter(), "workqueue_adds_total",
                                     "Total number of adds handled by workqueue", registry)
                                  .Add({{"name", kController}});
  prometheus::Counter& retries = family(prometheus::BuildCounter(), "workqueue_retries_total",
                                        "Total number of retries handled by workqueue", registry)
                                     .Add({{"name", kController}});
  prometheus::Histogram& queued =
      family(prometheus::BuildHistogram(), "workqueue_queue_duration_seconds",
             "How long in seconds an item stays in workqueue before being requested", registry)
          .Add({{"name", kController}}, queue_buckets());
  prometheus::Histogram& worked =
      family(prometheus::BuildHistogram(), "workqueue_work_duration_seconds",
             "How long in seconds processing an item from workqueue takes.", registry)
          .Add({{"name", kController}}, queue_buckets());
  prometheus::Family<prometheus::Counter>& requests =
      family(prometheus::BuildCounter(), "rest_client_requests_total",
             "Number of HTTP requests, partitioned by status code, method, and host.", registry);
  prometheus::Family<prometheus::Gauge>& leader =
      family(prometheus::BuildGauge(), "leader_election_master_status",
             "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 "
             "indicates master.",
             registry);
  prometheus::Family<prometheus::Counter>& finished =
      family(prometheus::BuildCounter(), "parallelrun_jobs_finished_total",
             "Jobs that ended, by result and reason.", registry);
  prometheus::Family<prometheus::Counter>& items =
      family(prometheus::BuildCounter(), "parallelrun_items_total",
             "Processed items of the input, by result.", registry);
  prometheus::Family<prometheus::Counter>& mini_batches =
      family(prometheus::BuildCounter(), "parallelrun_mini_batches_total",
             "Processed mini-batches, by result.", registry);
  prometheus::Counter& items_succeeded = items.Add({{"result", "succeeded"}});
  prometheus::Counter& items_failed = items.Add({{"result", "failed"}});
  prometheus::Counter& batches_succeeded = mini_batches.Add({{"result", "succeeded"}});
  prometheus::Counter& batches_failed = mini_batches.Add({{"result", "failed"}});
  // NOLINTEND(readability-identifier-naming)

  mutable std::mutex mutex;
  std::function<Controller::State()> state;  // guarded by mutex, as are the following
  std::size_t workers = 0;
  std::set<std::string> reasons;
  double batch_seconds = 0;

  // What is only known at the moment somebody looks.
  std::vector<MetricFamily> current() const {
    std::vector<MetricFamily> families;
    const std::lock_guard lock(mutex);
    const auto batches = static_cast<std::uint64_t>(batches_succeeded.Value() + batches_failed.Value());
    MetricFamily time{"parallelrun_mini_batch_seconds",
                      "Time that mini-batches took inside run, over all their tries.",
                      MetricType::Summary,
                      {}};
    time.metric.emplace_back();
    time.metric.back().summary.sample_sum = batch_seconds;
    time.metric.back().summary.sample_count = batches;
    families.push_back(std::move(time));
    if (!state) return families;
    const Controller::State now = state();
    const auto gauge = [&](const char* name, const char* help, const char* label, double value) {
      families.push_back(single_metric(name, help, MetricType::Gauge, value));
      families.back().metric.back().label = {{label, kController}};
    };
    gauge("controller_runtime_active_workers", "Number of currently used workers per controller",
          "controller", static_cast<double>(now.queue.active));
    gauge("controller_runtime_max_concurrent_reconciles",
          "Maximum number of concurrent reconciles per controller", "controller",
          static_cast<double>(workers));
    gauge("workqueue_depth", "Current depth of workqueue", "name", static_cast<double>(now.queue.depth));
    gauge("workqueue_unfinished_work_seconds",
          "How many seconds of work has been done that is in progress and hasn't been observed by "
          "work_duration.",
          "name", seconds(now.queue.unfinished));
    gauge("workqueue_longest_running_processor_seconds",
          "How many seconds has the longest running processor for workqueue been running.", "name",
          seconds(now.queue.longest));
    MetricFamily jobs{"parallelrun_jobs", "Jobs that exist, by state.", MetricType::Gauge, {}};
    double others = 0;
    std::map<std::string, double> known;
    for (const JobState each : kJobStates) known[std::string(to_string(each))] = 0;
    for (const auto& [name, count] : now.jobs) {
      const auto found = known.find(name);
      (found == known.end() ? others : found->second) += static_cast<double>(count);
    }
    if (others > 0) known["Other"] = others;
    for (const auto& [name, count] : known) {
      jobs.metric.emplace_back();
      jobs.metric.back().label = {{"state", name}};
      jobs.metric.back().gauge.value = count;
    }
    families.push_back(std::move(jobs));
    families.push_back(single_metric("parallelrun_pods", "Pods of jobs that exist.", MetricType::Gauge,
                                     static_cast<double>(now.pods)));
    return families;
  }
};

OperatorMetrics::OperatorMetrics(std::string host)
    : host_(std::move(host)), families_(std::make_unique<Families>()) {
  for (const char* result : {"success", "error", "requeue", "requeue_after"}) {
    families_->reconciles.Add({{"controller", kController}, {"result", result}});
  }
}

OperatorMetrics::~OperatorMetrics() = default;

void OperatorMetrics::set_state(std::function<Controller::State()> state, std::size_t workers) {
  const std::lock_guard lock(families_->mutex);
  families_->state = std::move(state);
  families_->workers = workers;
}

void OperatorMetrics::set_leader(const std::string& lease, bool leads) {
  families_->leader.Add({{"name", lease}}).Set(leads ? 1 : 0);
}

void OperatorMetrics::on_request(const kube::RequestOutcome& outcome) {
  families_->requests.Add({{"method", outcome.method}, {"code", outcome.code()}, {"host", host_}})
      .Increment();
}

void OperatorMetrics::key_added() { families_->adds.Increment(); }
void OperatorMetrics::key_taken(kube::Duration waited) { families_->queued.Observe(seconds(waited)); }
void OperatorMetrics::key_done(kube::Duration worked) { families_->worked.Observe(seconds(worked)); }
void OperatorMetrics::key_retried() { families_->retries.Increment(); }

void OperatorMetrics::reconciled(ReconcileOutcome outcome, kube::Duration took) {
  const char* result = outcome == ReconcileOutcome::kSuccess ? "success"
                       : outcome == ReconcileOutcome::kError ? "error"
                                                             : "requeue_after";
  families_->reconciles.Add({{"controller", kController}, {"result", result}}).Increment();
  if (outcome == ReconcileOutcome::kError) families_->errors.Increment();
  families_->reconcile_time.Observe(seconds(took));
}

void OperatorMetrics::job_finished(const std::string& result, const std::string& reason) {
  std::string label = reason;
  {
    // Reasons may come from a runner, which may be of another version than this operator.
    const std::lock_guard lock(families_->mutex);
    if (families_->reasons.size() < kMostReasons) families_->reasons.insert(reason);
    if (!families_->reasons.contains(reason)) label = "Other";
  }
  families_->finished.Add({{"result", result}, {"reason", label}}).Increment();
}

void OperatorMetrics::work_done(const WorkCounts& fresh) {
  const auto add = [](prometheus::Counter& counter, std::int64_t count) {
    if (count > 0) counter.Increment(static_cast<double>(count));
  };
  add(families_->items_succeeded, fresh.items_succeeded);
  add(families_->items_failed, fresh.items_failed);
  add(families_->batches_succeeded, fresh.mini_batches_succeeded);
  add(families_->batches_failed, fresh.mini_batches_failed);
  const std::lock_guard lock(families_->mutex);
  families_->batch_seconds += fresh.mini_batch_seconds;
}

std::string OperatorMetrics::text() const {
  auto families = families_->registry.Collect();
  for (auto& each : families_->current()) families.push_back(std::move(each));
  for (auto& each : process_metrics()) families.push_back(std::move(each));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace parallelrun::op
