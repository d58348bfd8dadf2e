// `parallelrun data`: makes the Python environment of the data process where there is none yet (our image has
// one), and becomes that process.
#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/json/members.h"
#include "common/posix/program_run.h"
#include "common/spec/store_sources.h"
#include "runner/agent/command.h"
#include "runner/agent/python_environment.h"
#include "runner/cli/launcher.h"
#include "runner/cli/this_process.h"
#include "runner/cli/verbs.h"

namespace parallelrun {
namespace {

// What runner/python/parallelrun_data imports beside the standard library, for databases too, and the Python
// that it needs.
constexpr const char* kRequirement = "obstore==0.12.1";
constexpr const char* kOfDatabases[] = {"sqlalchemy==2.1.9", "psycopg[binary]==3.3.9", "pyarrow==26.0.1"};
// Where our image has all of that, and the Python.
constexpr const char* kOwnPython = "PARALLELRUN_DATA_PYTHON";
constexpr const char* kIsNewEnough = "import sys; sys.exit(sys.version_info < (3, 11))";

struct GivenToData {
  std::string config;
  std::string socket;
  int events_fd = -1;
  pid_t parent = 0;
  std::string copy_to;
  std::vector<std::string> copies;
};

void tell(const GivenToData& given, const nlohmann::json& event) {
  const std::string line = event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const int descriptor = given.events_fd >= 0 ? given.events_fd : STDERR_FILENO;
  // The launcher alone reads it, and sees the end of this process, too.
  if (::write(descriptor, line.data(), line.size()) < 0) return;
}

int fail(const GivenToData& given, std::string message) {
  // The packages are ours: no field of the manifest names them.
  const std::string field = "spec.environment.requirements";
  if (const std::size_t at = message.find(field); at != std::string::npos)
    message.replace(at, field.size(), "what is needed to read object stores and databases");
  tell(given, {{"event", "failed"}, {"message", message}});
  return kExitFailed;
}

// What the sources of the configuration need.
std::vector<std::string> requirements_for(const std::string& config_file) {
  std::vector<std::string> requirements = {kRequirement};
  std::ifstream file(config_file);
  const nlohmann::json config = nlohmann::json::parse(file, nullptr, false);
  if (!config.is_object()) return requirements;  // the process says what is wrong with it
  const nlohmann::json inputs = config.value("inputs", nlohmann::json::array());
  if (std::any_of(inputs.begin(), inputs.end(),
                  [](const nlohmann::json& input) { return is_database(object_at(input, "source")); }))
    requirements.insert(requirements.end(), std::begin(kOfDatabases), std::end(kOfDatabases));
  return requirements;
}

// A python3 that is new enough: the one that scripts run with, else another one; empty: there is none.
std::string find_python(const std::vector<std::string>& environment) {
  std::vector<std::string> candidates;
  if (const char* active = std::getenv("VIRTUAL_ENV"); active != nullptr && *active != '\0')
    candidates.push_back(std::string(active) + "/bin/python3");
  if (const char* own = std::getenv("PARALLELRUN_DEFAULT_PYTHON"); own != nullptr && *own != '\0')
    candidates.emplace_back(own);
  for (const char* name :
       {"python3", "python3.14", "python3.13", "python3.12", "python3.11", "/usr/bin/python3"})
    candidates.emplace_back(name);
  for (const std::string& candidate : candidates) {
    ProgramRun question;
    question.program = candidate;
    question.arguments = {"-I", "-c", kIsNewEnough};
    question.environment = environment;
    question.time_limit = std::chrono::seconds(20);
    const auto answer = run_program(question);
    if (!answer || answer->exit_code != 0) continue;
    return candidate.starts_with('/') ? candidate : agent::find_on_path(candidate, environment);
  }
  return {};
}

int become(const GivenToData& given, const agent::EnvironmentRequest& request, const std::string& python) {
  std::vector<std::string> command = {python,
                                      "-I",
                                      request.package_directory + "/parallelrun_data/__main__.py",
                                      "--config",
                                      given.config,
                                      "--socket",
                                      given.socket,
                                      "--events-fd",
                                      std::to_string(given.events_fd),
                                      "--parent",
                                      std::to_string(given.parent)};
  if (!given.copy_to.empty()) command.insert(command.end(), {"--copy-to", given.copy_to});
  for (const std::string& name : given.copies) command.push_back("--copy=" + name);
  std::vector<char*> argv;
  for (std::string& argument : command) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execv(python.c_str(), argv.data());
  return fail(given, fmt::format("'{}' cannot be run: {}", python, std::strerror(errno)));
}

int run(const GivenToData& given) {
  if (!end_with_parent(given.parent, SIGTERM)) return kExitFailed;
  const std::string programs = std::filesystem::path(this_program()).parent_path().string();
  agent::EnvironmentRequest request;
  request.exec_program = programs + "/parallelrun-exec";
  request.worker_program = programs + "/parallelrun-worker";
  request.package_directory = programs + "/python";
  for (char** entry = environ; *entry != nullptr; ++entry) request.variables.emplace_back(*entry);
  request.requirements = requirements_for(given.config);
  const char* own = std::getenv(kOwnPython);
  if (own != nullptr && *own != '\0') return become(given, request, own);
  const std::string python = find_python(request.variables);
  if (python.empty())
    return fail(given,
                "object stores are read with Python 3.11 or newer, and there is none on PATH; install one");
  std::erase_if(request.variables, [](const std::string& entry) {
    return entry.starts_with("VIRTUAL_ENV=") || entry.starts_with("PARALLELRUN_DEFAULT_PYTHON=") ||
           entry.starts_with("PARALLELRUN_LAUNCHER=");
  });
  request.variables.push_back("PARALLELRUN_DEFAULT_PYTHON=" + python);

  boost::asio::io_context io{1};
  agent::LogBuffer log("data", 1U << 20U);
  // A cached environment is found at once.
  boost::asio::steady_timer slow(io, std::chrono::milliseconds(1500));
  slow.async_wait([&](boost::system::error_code cancelled) {
    if (!cancelled)
      tell(given,
           {{"event", "note"},
            {"message", fmt::format("installing {}, which reads {} (once on this machine)",
                                    fmt::join(request.requirements, ", "),
                                    request.requirements.size() > 1 ? "databases" : "object stores")}});
  });
  Result<agent::PythonEnvironment> found = Error{ErrorCode::kAborted, "no Python environment was made"};
  agent::prepare_environment(io, request, log, [&](Result<agent::PythonEnvironment> environment) {
    found = std::move(environment);
    slow.cancel();
  });
  io.run();
  if (!found) return fail(given, found.error().message);
  return become(given, request, found->python);
}

}  // namespace

Verb add_data(CLI::App& program) {
  const auto given = std::make_shared<GivenToData>();
  CLI::App* verb =
      program.add_subcommand("data", "read object stores for the jobs of this machine (started by `run`)");
  verb->add_option("--config", given->config, "sources and where their credentials are, as JSON")->required();
  CLI::Option_group* work = verb->add_option_group("work");
  work->add_option("--socket", given->socket, "where orchestrator and agents connect");
  // For the Python package, which reads what a job has left in a store.
  CLI::Option* copy_to =
      work->add_option("--copy-to", given->copy_to, "DIR: copy objects of the output there, and end");
  work->require_option(1);
  verb->add_option("--copy", given->copies, "NAME of an object, or NAME/ for all below; may be repeated")
      ->needs(copy_to);
  verb->add_option("--events-fd", given->events_fd, "file descriptor to which JSON lines are written");
  verb->add_option("--parent", given->parent, "process id of the parent; this process ends with it");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
