#include "operator/program/options.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <map>

#include "common/json/json.h"

namespace parallelrun::op {
namespace {

constexpr int kUsage = 2;
constexpr std::size_t kMostWorkers = 256;

nlohmann::json resources(const std::string& text) {
  return text.empty() ? nlohmann::json::object() : nlohmann::json::parse(text);
}

// A message for CLI11 where the text is not a JSON object; empty: it is.
std::string check_resources(const std::string& text) {
  const auto value = nlohmann::json::parse(text, nullptr, false);
  return value.is_object() ? "" : "not a JSON object such as {\"requests\":{\"cpu\":\"100m\"}}: " + text;
}

}  // namespace

ParsedOptions parse_options(int argument_count, char** arguments, const std::string& version) {
  ParsedOptions parsed;
  Options& options = parsed.options;
  options.settings.runner_image = "parallelrun/runner:" + version;
  CLI::App app("Runs ParallelRunJobs on a Kubernetes cluster.", "parallelrun-operator");
  app.set_version_flag("--version", "parallelrun-operator " + version);
  app.footer(
      "Exit codes: 0 stopped by a signal; 1 it could not start; 2 wrong usage; 3 another operator leads "
      "now.");

  app.add_option(
      "--kubeconfig", options.kubeconfig,
      "file that names the cluster (default: KUBECONFIG, the pod's service account, ~/.kube/config)");
  app.add_option("--context", options.context, "context of the kubeconfig");
  app.add_option("--namespaces", options.name_spaces,
                 "serve only these namespaces, separated by commas (default: all)")
      ->delimiter(',');
  app.add_option("--workers", options.workers, "number of jobs to work on at the same time")
      ->check(CLI::Range(std::size_t{1}, kMostWorkers))
      ->capture_default_str();
  app.add_option("--qps", options.qps, "requests to the API server in a second; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--burst", options.burst, "requests at once after a quiet time")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();

  Settings& settings = options.settings;
  std::string orchestrator_resources;
  std::string worker_resources;
  std::string data_resources;
  app.add_option("--runner-image", settings.runner_image,
                 "image of orchestrators, and of workers without environment.image")
      ->capture_default_str();
  app.add_option("--image-pull-policy", settings.runner_image_pull_policy, "when nodes pull the runner image")
      ->check(CLI::IsMember({"Always", "IfNotPresent", "Never"}));
  app.add_option("--image-pull-secret", settings.image_pull_secrets,
                 "name of a Secret in the job's namespace; may be given several times");
  app.add_option("--orchestrator-resources", orchestrator_resources,
                 "JSON: requests and limits of orchestrators for jobs that set none")
      ->check(check_resources);
  app.add_option("--worker-resources", worker_resources, "the same for workers")->check(check_resources);
  app.add_option("--data-resources", data_resources,
                 "the same for the container of a pod that reads object stores")
      ->check(check_resources);
  app.add_option("--infrastructure-failures", settings.infrastructure_failures,
                 "failures of a job's own containers before the job fails ...")
      ->capture_default_str();
  app.add_option("--infrastructure-failures-per-worker", settings.infrastructure_failures_per_worker,
                 "... and so many more for each of its workers")
      ->capture_default_str();

  app.add_option("--metrics-address", options.metrics_address, "HOST:PORT of /metrics; 0: none")
      ->capture_default_str();
  app.add_option("--health-address", options.health_address, "HOST:PORT of /healthz and /readyz; 0: none")
      ->capture_default_str();
  app.add_option("--leader-election", options.leader_election,
                 "whether only one of several operators works at a time")
      ->capture_default_str();
  app.add_option("--leader-election-namespace", options.leader_election_name_space,
                 "namespace of the Lease parallelrun-operator (default: the pod's namespace)")
      ->envname("POD_NAMESPACE");
  app.add_option("--log-level", options.log_level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.add_option("--log-format", options.log_format, "text, or json: one object a line")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, LogFormat>{{"text", LogFormat::kText}, {"json", LogFormat::kJson}}));
  try {
    app.parse(argument_count, arguments);
  } catch (const CLI::ParseError& end) {
    parsed.exit_code = app.exit(end) == 0 ? 0 : kUsage;
    return parsed;
  }
  settings.orchestrator_resources = resources(orchestrator_resources);
  settings.worker_resources = resources(worker_resources);
  settings.data_resources = resources(data_resources);
  parsed.go_on = true;
  return parsed;
}

}  // namespace parallelrun::op
