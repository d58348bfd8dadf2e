#include "runner/agent/environment_request.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "common/json/json.h"
#include "common/json/members.h"

namespace parallelrun::agent {
namespace {

namespace fs = std::filesystem;

bool installers_read(const std::string& name) {
  static constexpr std::array<std::string_view, 12> kNames = {
      "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",      "ALL_PROXY",          "http_proxy",     "https_proxy",
      "no_proxy",   "all_proxy",   "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"};
  return name.starts_with("PIP_") || name.starts_with("UV_") ||
         std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

void set(std::vector<std::string>& variables, const std::string& name, const std::string& value) {
  if (!installers_read(name)) return;
  std::erase_if(variables, [&](const std::string& entry) { return entry.starts_with(name + "="); });
  variables.push_back(name + "=" + value);
}

}  // namespace

EnvironmentRequest environment_request(const ResolvedJob& job, const std::vector<std::string>& inherited,
                                       const ProgramsOfAgent& programs) {
  const Environment& environment = job.spec.environment;
  EnvironmentRequest request;
  request.exec_program = programs.exec_program;
  request.worker_program = programs.directory + "/parallelrun-worker";
  request.package_directory = programs.directory + "/python";
  request.variables = inherited;
  if (environment.env.is_array()) {
    for (const nlohmann::json& entry : environment.env) {
      const std::string name = text_at(entry, "name");
      if (!object_at(entry, "valueFrom").empty()) request.secret_names.push_back(name);
      // In a pod it is there already, with what `$(NAME)` in it stands for.
      const bool is_there = std::any_of(inherited.begin(), inherited.end(),
                                        [&](const std::string& one) { return one.starts_with(name + "="); });
      if (entry.contains("value") && !is_there) set(request.variables, name, text_at(entry, "value"));
    }
  }
  for (const auto& [name, value] : environment.variables) set(request.variables, name, value);
  request.requirements = environment.requirements;
  request.source_directory = job.source_directory;
  const auto path_of = [&](const std::string& file) {
    return file.empty() ? file : (fs::path(job.source_directory) / file).lexically_normal().string();
  };
  request.requirements_file = path_of(environment.requirements_file);
  request.conda_file = path_of(environment.conda_file);
  request.wheels = path_of(environment.wheels);
  return request;
}

}  // namespace parallelrun::agent
