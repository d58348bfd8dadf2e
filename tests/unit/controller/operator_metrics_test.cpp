#include "operator/metrics/operator_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallelrun::op {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

TEST(OperatorMetrics, HaveTheNamesOfControllerRuntime) {
  OperatorMetrics metrics("api:443");
  metrics.key_added();
  metrics.key_taken(2ms);
  metrics.key_done(20ms);
  metrics.reconciled(ReconcileOutcome::kError, 20ms);
  metrics.key_retried();
  metrics.set_leader("parallelrun-operator", true);
  metrics.on_request({"POST", "create", "/x", "pods", 201, std::nullopt, 1ms});
  metrics.on_request({"GET", "list", "/x", "pods", 0, kube::ApiFailure::kUnreachable, 1ms});
  metrics.set_state(
      [] {
        Controller::State state;
        state.queue = {3, 2, 5s, 7s};
        state.jobs = {{"Running", 4}, {"Whatever", 1}};
        state.pods = 9;
        return state;
      },
      8);
  const std::string text = metrics.text();
  for (const char* sample : {
           R"(controller_runtime_reconcile_total{controller="parallelrunjob",result="error"} 1)",
           R"(controller_runtime_reconcile_total{controller="parallelrunjob",result="success"} 0)",
           R"(controller_runtime_reconcile_errors_total{controller="parallelrunjob"} 1)",
           R"(controller_runtime_reconcile_time_seconds_bucket{controller="parallelrunjob",le="0.01"} 0)",
           R"(controller_runtime_reconcile_time_seconds_bucket{controller="parallelrunjob",le="0.025"} 1)",
           R"(controller_runtime_active_workers{controller="parallelrunjob"} 2)",
           R"(controller_runtime_max_concurrent_reconciles{controller="parallelrunjob"} 8)",
           R"(workqueue_adds_total{name="parallelrunjob"} 1)",
           R"(workqueue_retries_total{name="parallelrunjob"} 1)",
           R"(workqueue_depth{name="parallelrunjob"} 3)",
           R"(workqueue_longest_running_processor_seconds{name="parallelrunjob"} 5)",
           R"(workqueue_unfinished_work_seconds{name="parallelrunjob"} 7)",
           R"(workqueue_queue_duration_seconds_count{name="parallelrunjob"} 1)",
           R"(workqueue_work_duration_seconds_count{name="parallelrunjob"} 1)",
           R"(rest_client_requests_total{code="201",host="api:443",method="POST"} 1)",
           R"(rest_client_requests_total{code="<error>",host="api:443",method="GET"} 1)",
           R"(leader_election_master_status{name="parallelrun-operator"} 1)",
           R"(parallelrun_jobs{state="Running"} 4)",
           R"(parallelrun_jobs{state="Pending"} 0)",
           R"(parallelrun_jobs{state="Other"} 1)",
           "process_resident_memory_bytes ",
           "process_cpu_seconds_total ",
           "process_open_fds ",
       }) {
    EXPECT_THAT(text, HasSubstr(sample));
  }
}

TEST(OperatorMetrics, WorkAndEndsOfJobs) {
  OperatorMetrics metrics("");
  metrics.work_done({5, 1, 2, 1, 2.5});
  metrics.work_done({1, 0, 1, 0, 0.5});
  metrics.job_finished("Failed", "InitFailed");
  const std::string text = metrics.text();
  for (const char* sample : {
           R"(parallelrun_items_total{result="succeeded"} 6)",
           R"(parallelrun_items_total{result="failed"} 1)",
           R"(parallelrun_mini_batches_total{result="succeeded"} 3)",
           "parallelrun_mini_batch_seconds_sum 3",
           "parallelrun_mini_batch_seconds_count 4",
           R"(parallelrun_jobs_finished_total{reason="InitFailed",result="Failed"} 1)",
       }) {
    EXPECT_THAT(text, HasSubstr(sample));
  }
}

TEST(OperatorMetrics, ReasonsAreBounded) {
  OperatorMetrics metrics("");
  for (int i = 0; i < 200; ++i) metrics.job_finished("Failed", "Reason" + std::to_string(i));
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr(R"({reason="Other",result="Failed"} 150)"));
  EXPECT_THAT(text, Not(HasSubstr("Reason50")));
}

}  // namespace
}  // namespace parallelrun::op
