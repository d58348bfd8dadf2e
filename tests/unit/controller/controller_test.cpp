// One job that the program cannot work on beside others.
#include "operator/controller/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/null_sink.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <stdexcept>

#include "common/json/members.h"

namespace parallelrun::op {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kJobsPath = "/apis/parallelrun.dev/v1alpha1";

json job_named(const std::string& name) {
  return {{"apiVersion", "parallelrun.dev/v1alpha1"},
          {"kind", "ParallelRunJob"},
          {"metadata",
           {{"name", name},
            {"namespace", "ns"},
            {"uid", "uid-" + name},
            {"generation", 1},
            {"resourceVersion", "1"}}},
          {"spec", {{"nodeCount", 1}}}};
}

// Jobs alone: their list, watches that say nothing, and writes of status.
class JobServer final : public kube::Transport {
 public:
  explicit JobServer(std::map<std::string, json> jobs) : jobs_(std::move(jobs)) {}

  kube::ApiResult<kube::Response> send(const kube::Request& request, const std::stop_token&) override {
    const std::lock_guard lock(mutex_);
    if (request.method == "GET") {
      json items = json::array();
      if (request.path.starts_with(kJobsPath)) {
        for (const auto& [name, job] : jobs_) items.push_back(job);
      }
      return kube::Response{200, "", json{{"metadata", {{"resourceVersion", "1"}}}, {"items", items}}.dump()};
    }
    const std::string prefix = std::string(kJobsPath) + "/namespaces/ns/parallelrunjobs/";
    if (request.method == "PATCH" && request.path.starts_with(prefix) && request.path.ends_with("/status")) {
      const std::string name = request.path.substr(prefix.size(), request.path.size() - prefix.size() - 7);
      json& job = jobs_.at(name);
      job["status"].merge_patch(json::parse(request.body).at("status"));
      job["metadata"]["resourceVersion"] = std::to_string(++version_);
      changed_.notify_all();
      return kube::Response{200, "", job.dump()};
    }
    return kube::Response{201, "", json{{"metadata", {{"name", "x"}, {"uid", "u"}}}}.dump()};
  }
  kube::ApiResult<kube::Response> stream(const kube::Request&, const LineSink&,
                                         const std::stop_token& stop) override {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any never;
    never.wait(lock, stop, [] { return false; });
    return kube::Response{200, "", ""};
  }

  // Of that job, once it has this state; what it is after 30 s otherwise.
  json status(const std::string& job, const std::string& state) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 30s, [&] { return text_at(jobs_.at(job)["status"], "state") == state; });
    return jobs_.at(job)["status"];
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, json> jobs_;
  int version_ = 1;
};

Plan runs(const Snapshot& snapshot) {
  Plan plan;
  plan.status = json{{"state", "Running"}, {"observedGeneration", 1}};
  if (snapshot.job.value("status", json::object()).value("state", "") == "Running") plan.status.reset();
  return plan;
}

TEST(Controller, AJobThatItThrowsAboutIsFailedAndOthersGoOn) {
  std::map<std::string, json> jobs;
  for (const char* name : {"bad", "good", "worse"}) jobs[name] = job_named(name);
  // What no function of ours recurses into; the library's copy does, with large frames under the sanitizer.
#ifdef __SANITIZE_ADDRESS__
  constexpr int kDepth = 2'000;
#else
  constexpr int kDepth = 9'000;
#endif
  json deep = 1;
  for (int i = 0; i < kDepth; ++i) deep = json::array({std::move(deep)});
  jobs["deep"] = job_named("deep");
  jobs["deep"]["spec"]["worker"] = {{"affinity", std::move(deep)}};
  JobServer server(jobs);
  kube::KubeClient client(server);
  Observer observer;
  const auto log = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::null_sink_mt>());
  Controller::Options options;
  options.workers = 1;  // a thread that is lost would stop everything
  options.random = [] { return 0.5; };
  options.decide = [](const Snapshot& snapshot, const Settings& settings, WallTime now) -> Plan {
    const std::string name = snapshot.job.at("metadata").at("name");
    if (name == "bad") throw std::length_error("vector::_M_default_append");
    if (name == "worse") throw 7;  // NOLINT: nothing that has words
    return name == "good" ? runs(snapshot) : decide(snapshot, settings, now);
  };
  Controller controller(client, options, observer, log);
  controller.start();
  while (!controller.synced()) std::this_thread::sleep_for(5ms);
  controller.lead();
  EXPECT_EQ(text_at(server.status("good", "Running"), "state"), "Running");
  for (const char* name : {"bad", "worse"}) {
    const json status = server.status(name, "Failed");
    EXPECT_EQ(text_at(status, "state"), "Failed") << name;
    EXPECT_THAT(status.dump(), HasSubstr("\"reason\":\"InternalError\"")) << name;
  }
  EXPECT_THAT(text_at(server.status("bad", "Failed"), "message"), HasSubstr("vector::_M_default_append"));
  const json status = server.status("deep", "Failed");
  EXPECT_THAT(status.dump(), HasSubstr("\"reason\":\"InvalidSpec\""));
  EXPECT_THAT(text_at(status, "message"), HasSubstr("nested deeper than 100 levels"));
  controller.stop(5s);
}

}  // namespace
}  // namespace parallelrun::op
