#include "runner/cli/cluster_argument.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "common/posix/environment.h"
#include "common/text/presentable.h"
#include "runner/cli/launcher.h"
#include "runner/cli/screen.h"

namespace parallelrun {
namespace {

constexpr const char* kPlugin = "kubectl-parallelrun";

bool& as_plugin() {
  static bool plugin = false;
  return plugin;
}

bool exists(const std::string& path) {
  struct stat status{};
  return !path.empty() && ::stat(path.c_str(), &status) == 0;
}

bool is_output_directory(const std::string& path) { return exists(path + "/.parallelrun"); }

bool has_cluster() {
  const std::string home = environment_variable("HOME");
  return !environment_variable("KUBECONFIG").empty() ||
         !environment_variable("KUBERNETES_SERVICE_HOST").empty() ||
         (!home.empty() && exists(home + "/.kube/config"));
}

}  // namespace

void add_cluster_options(CLI::App& verb, cluster::ClusterChoice& choice) {
  verb.add_option("-n,--namespace", choice.name_space,
                  "of a cluster; default: that of the kubeconfig's context, else 'default'");
  verb.add_option("--context", choice.context, "of the kubeconfig; default: its current-context");
  verb.add_option("--kubeconfig", choice.kubeconfig, "FILE; default: KUBECONFIG, else ~/.kube/config");
}

bool is_job_name(const std::string& text) {
  constexpr std::size_t kShortest = 3;
  constexpr std::size_t kLongest = 32;
  const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto plain = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-'; };
  return text.size() >= kShortest && text.size() <= kLongest && letter(text.front()) && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), plain);
}

bool is_in_cluster(const std::string& job, const cluster::ClusterChoice& choice) {
  if (choice.given()) return true;
  if (job.find('/') != std::string::npos || job == "." || job == "..") return false;
  if (is_kubectl_plugin()) return true;
  return !is_output_directory(job) && is_job_name(job) && has_cluster();
}

std::unique_ptr<cluster::Connection> connect(const cluster::ClusterChoice& choice) {
  auto opened = cluster::Connection::open(choice);
  if (opened) return std::move(opened).value();
  complain(opened.error().message);
  return nullptr;
}

int print_error(const Error& error) {
  if (error.code == ErrorCode::kAborted) return kExitInterrupted;
  complain(error.message);
  const bool of_the_user = error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kNotFound;
  return of_the_user ? kExitInvalid : kExitFailed;
}

int with_job(const cluster::ClusterChoice& choice, const std::string& name,
             const std::function<int(cluster::Jobs&, const cluster::JobView&)>& act) {
  const auto connection = connect(choice);
  if (!connection) return kExitInvalid;
  cluster::Jobs jobs(*connection, {});
  const auto found = jobs.get(name);
  return found ? act(jobs, cluster::job_view(*found)) : print_error(found.error());
}

bool is_too_late(const cluster::JobView& job, const std::string& so) {
  if (!job.ended()) return false;
  complain(fmt::format("the job '{}' has ended ({}), so {}", job.name, job.state, so));
  return true;
}

void called_as(const std::string& name) { as_plugin() = name.substr(name.rfind('/') + 1) == kPlugin; }

bool is_kubectl_plugin() { return as_plugin(); }

std::string program_words() { return is_kubectl_plugin() ? "kubectl parallelrun" : "parallelrun"; }

std::string command_words(const std::string& verb, const std::string& job, const std::string& name_space) {
  return program_words() + " " + verb + " " + presentable(job) + " -n " + presentable(name_space);
}

}  // namespace parallelrun
