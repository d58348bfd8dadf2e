#include "runner/agent/python_environment.h"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "common/hash/sha256.h"
#include "common/json/json.h"
#include "common/posix/file_descriptor.h"
#include "common/text/presentable.h"
#include "runner/agent/command.h"
#include "runner/agent/install_verdict.h"
#include "runner/job/source_files.h"

namespace parallelrun::agent {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kMarker = ".parallelrun-complete";
constexpr std::size_t kErrorLines = 15;

// -I: neither the user's folder nor PYTHONPATH decides what `json` is.
constexpr const char* kQuestion =
    "import json, platform, site, sys; print(json.dumps({'executable': sys.executable, 'version': "
    "platform.python_version(), 'prefix': sys.prefix, 'base_prefix': sys.base_prefix, 'site_packages': "
    "site.getsitepackages()}))";

std::string last_lines(const std::string& text) {
  std::size_t begin = text.size();
  for (std::size_t lines = 0; begin > 0 && lines <= kErrorLines; ++lines) {
    begin = text.rfind('\n', begin - 1);
    if (begin == std::string::npos) begin = 0;
  }
  const std::string_view tail = std::string_view(text).substr(begin);
  const std::size_t first = tail.find_first_not_of('\n');
  return first == std::string_view::npos ? std::string() : std::string(tail.substr(first));
}

// The last error among pip's warnings, as the part of a sentence.
std::string verdict_of(const std::string& text) {
  static constexpr std::string_view kError = "\nERROR: ";
  const std::size_t begin = ("\n" + text).rfind(kError);
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find('\n', begin) - begin) + "; ";
}

// The work of prepare_environment, step after step; each step starts the next.
class Preparation : public std::enable_shared_from_this<Preparation> {
 public:
  Preparation(boost::asio::io_context& io, EnvironmentRequest request, LogBuffer& log,
              std::function<void(Result<PythonEnvironment>)> done)
      : io_(io), request_(std::move(request)), log_(log), done_(std::move(done)), timer_(io) {}

  void start() {
    const std::string active = variable(request_.variables, "VIRTUAL_ENV");
    // Of the Python environment that this installation is a package of.
    const std::string own = variable(request_.variables, "PARALLELRUN_DEFAULT_PYTHON");
    const std::string python = !active.empty() ? active + "/bin/python3"
                               : !own.empty()  ? own
                                               : find_on_path("python3", request_.variables);
    if (python.empty() || ::access(python.c_str(), X_OK) != 0) {
      return fail(
          !active.empty()
              ? fmt::format("VIRTUAL_ENV is '{}', but '{}' cannot be run; correct VIRTUAL_ENV or unset it",
                            active, python)
          : !own.empty()
              ? fmt::format("PARALLELRUN_DEFAULT_PYTHON is '{}', which cannot be run; correct it or unset it",
                            own)
              : std::string(
                    "there is no python3 on PATH; install python3 or activate a virtual environment"));
    }
    ask(python, [self = shared_from_this()](PythonInfo info) {
      self->base_ = std::move(info);
      self->requirements();
    });
  }

 private:
  void fail(const std::string& message) {
    done_(Error{ErrorCode::kInvalidArgument, presentable_lines(message), false});
  }

  void fail(InstallVerdict verdict, const std::string& message) {
    if (verdict == InstallVerdict::kHopeless) return fail(message);
    const bool passing = verdict == InstallVerdict::kPassing;
    done_(Error{passing ? ErrorCode::kUnavailable : ErrorCode::kIo, presentable_lines(message), true});
  }

  // Of a file that cannot be written; `code` is its errno.
  void fail_to_write(int code, const std::string& message) {
    const bool passing = install_verdict(std::strerror(code), {}) == InstallVerdict::kPassing;
    fail(passing ? InstallVerdict::kPassing : InstallVerdict::kHopeless, message);
  }

  void say(const std::string& line) {
    log_.append(presentable(line) + "\n", std::chrono::steady_clock::now());
  }

  // Line by line, since an address may come in two pieces.
  void log_output(std::string_view bytes) {
    constexpr std::size_t kLongestLine = 64U << 10U;
    line_.append(bytes);
    const std::size_t end = line_.rfind('\n');
    const std::size_t whole = end != std::string::npos      ? end + 1
                              : line_.size() > kLongestLine ? line_.size()
                                                            : 0;
    log_.append(presentable_lines(std::string_view(line_).substr(0, whole)),
                std::chrono::steady_clock::now());
    line_.erase(0, whole);
  }

  void command(std::vector<std::string> argv, bool logged, std::function<void(CommandEnd)> then,
               const std::string& directory = {}) {
    if (logged) say("$ " + fmt::format("{}", fmt::join(argv, " ")));
    CommandRequest request;
    request.exec_program = request_.exec_program;
    request.argv = std::move(argv);
    request.environment = request_.variables;
    request.working_directory = directory;
    if (logged) {
      request.on_output = [self = shared_from_this()](std::string_view bytes) { self->log_output(bytes); };
    }
    run_command(io_, std::move(request),
                [self = shared_from_this(), logged, then = std::move(then)](CommandEnd end) {
                  if (logged && !self->line_.empty()) self->say(std::exchange(self->line_, {}));
                  then(std::move(end));
                });
  }

  void ask(const std::string& python, const std::function<void(PythonInfo)>& then) {
    command({python, "-I", "-c", kQuestion}, false,
            [self = shared_from_this(), python, then](CommandEnd end) {
              auto info = parse_python_info(end.output);
              if (end.succeeded && info) return then(std::move(*info));
              self->fail(fmt::format("'{}' does not run: {}: {}", python, end.words, last_lines(end.output)));
            });
  }

  // --- the cached virtual environment ---

  void requirements() {
    std::string content;
    if (!request_.requirements_file.empty()) {
      std::ifstream file(request_.requirements_file, std::ios::binary);
      std::ostringstream all;
      all << file.rdbuf();
      if (!file) {
        return fail(fmt::format("spec.environment.requirementsFile: '{}' cannot be read: {}",
                                request_.requirements_file, std::strerror(errno)));
      }
      content = all.str();
    }
    if (request_.requirements.empty() && request_.requirements_file.empty()) return choose(base_);
    if (!request_.source_directory.empty()) {
      const Result<std::string> more = content_of(
          requirement_files(request_.source_directory, request_.requirements, request_.requirements_file));
      if (!more) return fail("a file that spec.environment names cannot be read: " + more.error().message);
      content += *more;
    }

    std::string cache = variable(request_.variables, "XDG_CACHE_HOME");
    if (cache.empty() || cache.front() != '/') {
      const std::string home = variable(request_.variables, "HOME");
      if (home.empty()) {
        return fail(
            "environments with requirements are cached below $XDG_CACHE_HOME or $HOME, but neither is set; "
            "set one of them");
      }
      cache = home + "/.cache";
    }
    folder_ = cache + "/parallelrun/venvs/" + environment_hash(base_, request_.requirements, content);
    std::error_code error;
    fs::create_directories(fs::path(folder_).parent_path(), error);
    lock_ = FileDescriptor(::open((folder_ + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!lock_) {
      const int code = errno;
      return fail_to_write(code, fmt::format("the cache of environments '{}' cannot be written: {}; set "
                                             "XDG_CACHE_HOME to a folder that can be written",
                                             folder_ + ".lock", std::strerror(code)));
    }
    lock();
  }

  void lock() {
    if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return look();
    // Another agent builds it; the kernel frees the lock of one that dies.
    timer_.expires_after(std::chrono::milliseconds(100));
    timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->lock();
    });
  }

  void look() {
    const std::string python = folder_ + "/bin/python3";
    if (::access((folder_ + "/" + kMarker).c_str(), F_OK) != 0 || ::access(python.c_str(), X_OK) != 0) {
      return build();
    }
    command({python, "-I", "-c", kQuestion}, false, [self = shared_from_this()](CommandEnd end) {
      auto info = parse_python_info(end.output);
      if (!end.succeeded || !info || info->version != self->base_.version) {
        if (self->built_) {
          return self->fail(
              fmt::format("the new environment '{}' does not work: {}", self->folder_, end.words));
        }
        self->say("the cached environment does not work any more; it is built again");
        return self->build();
      }
      self->lock_.close();
      self->choose(std::move(*info));
    });
  }

  void build() {
    built_ = true;
    std::error_code error;
    fs::remove_all(folder_, error);
    if (error) return fail(fmt::format("'{}' cannot be removed: {}", folder_, error.message()));
    command({base_.executable, "-m", "venv", "--system-site-packages", folder_}, true,
            [self = shared_from_this()](CommandEnd end) {
              if (!end.succeeded) {
                return self->fail(install_verdict(end.output, end.words),
                                  fmt::format("the virtual environment '{}' cannot be made: {}\n{}",
                                              self->folder_, end.words, last_lines(end.output)));
              }
              self->inherit();
            });
  }

  // A virtual environment made from another sees the installation below both, not that other's packages.
  void inherit() {
    if (base_.prefix == base_.base_prefix) return install();
    ask(folder_ + "/bin/python3", [self = shared_from_this()](PythonInfo info) {
      if (info.site_packages.empty())
        return self->fail("the new virtual environment has no site-packages folder");
      std::ofstream file(info.site_packages.front() + "/parallelrun_base.pth");
      for (const std::string& folder : self->base_.site_packages) {
        // addsitedir also reads the .pth files there (editable installs).
        file << "import site; site.addsitedir(" << json(folder).dump() << ")\n";
      }
      file.close();
      if (!file) return self->fail(fmt::format("'{}' cannot be written", self->folder_));
      self->install();
    });
  }

  void install() {
    // Why an index gave nothing stands in pip's log alone: on its output a server's error is "No matching
    // distribution" too.
    const std::string log = folder_ + ".pip.log";
    std::error_code ignored;
    fs::remove(log, ignored);
    // -I: the command runs in the source directory, where a script's optparse.py must not be Python's.
    std::vector<std::string> argv = {folder_ + "/bin/python3",      "-I",        "-m", "pip", "install",
                                     "--disable-pip-version-check", "--no-input"};
    if (!request_.requirements_file.empty()) {
      argv.insert(argv.end(), {"--requirement", request_.requirements_file});
    }
    if (!request_.requirements.empty()) argv.emplace_back("--");
    argv.insert(argv.end(), request_.requirements.begin(), request_.requirements.end());
    argv.insert(argv.begin() + 5, {"--log", log});
    const auto then = [self = shared_from_this(), log](const CommandEnd& end) {
      std::ostringstream logged;
      logged << std::ifstream(log, std::ios::binary).rdbuf();
      std::error_code nothing;
      fs::remove(log, nothing);
      if (!end.succeeded) {
        return self->fail(install_verdict(end.output + logged.str(), end.words), self->install_error(end));
      }
      const FileDescriptor marker(
          ::open((self->folder_ + "/" + kMarker).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
      if (!marker) {
        const int code = errno;
        return self->fail_to_write(
            code, fmt::format("'{}' cannot be written: {}", self->folder_, std::strerror(code)));
      }
      self->look();
    };
    command(std::move(argv), true, then, request_.source_directory);
  }

  std::string install_error(const CommandEnd& end) const {
    const std::string what =
        request_.requirements_file.empty()
            ? fmt::format("spec.environment.requirements ({})", fmt::join(request_.requirements, ", "))
            : fmt::format("spec.environment.requirementsFile '{}'", request_.requirements_file);
    // First what pip found: of a long message its end may be cut off.
    return fmt::format("{} cannot be installed: {}; {}the last lines of pip:\n{}", what, end.words,
                       verdict_of(end.output), last_lines(end.output));
  }

  // --- the launcher ---

  void choose(PythonInfo python) {
    const std::string forced = variable(request_.variables, "PARALLELRUN_LAUNCHER");
    if (!forced.empty() && forced != "embedded" && forced != "python") {
      return fail(fmt::format("PARALLELRUN_LAUNCHER is '{}', but must be 'embedded' or 'python'", forced));
    }
    if (forced == "python") return finish(python, false);
    if (::access(request_.worker_program.c_str(), X_OK) != 0) {
      if (forced.empty()) return finish(python, false);
      return fail(
          fmt::format("PARALLELRUN_LAUNCHER is 'embedded', but '{}' cannot be run", request_.worker_program));
    }
    command({request_.worker_program, "--python-info"}, false,
            [self = shared_from_this(), python = std::move(python), forced](CommandEnd end) {
              const json own = json::parse(end.output, nullptr, false);
              const bool equal = end.succeeded && own.is_object() &&
                                 own.value("version", "") == python.version &&
                                 own.value("base_prefix", "") == python.base_prefix;
              if (!equal && forced == "embedded") {
                self->say(fmt::format("PARALLELRUN_LAUNCHER is 'embedded': {} is used for {} {}", end.output,
                                      python.executable, python.version));
              }
              self->finish(python, equal || forced == "embedded");
            });
  }

  void finish(const PythonInfo& python, bool embedded) {
    PythonEnvironment out;
    out.python = python.executable;
    out.embedded = embedded;
    out.argv = embedded ? std::vector<std::string>{request_.worker_program}
                        : std::vector<std::string>{python.executable, request_.package_directory +
                                                                          "/parallelrun_worker/__main__.py"};
    say(fmt::format("python {} of {}, {} launcher", python.version, python.executable,
                    embedded ? "embedded" : "second"));
    done_(std::move(out));
  }

  boost::asio::io_context& io_;
  EnvironmentRequest request_;
  LogBuffer& log_;
  std::function<void(Result<PythonEnvironment>)> done_;
  boost::asio::steady_timer timer_;
  PythonInfo base_;
  std::string folder_;
  FileDescriptor lock_;
  std::string line_;  // of a command's output, not whole yet
  bool built_ = false;
};

}  // namespace

Result<PythonInfo> parse_python_info(const std::string& text) {
  const json document = json::parse(text, nullptr, false);
  const auto is_text = [&](const char* key) { return document.contains(key) && document[key].is_string(); };
  if (!document.is_object() || !is_text("executable") || !is_text("version") || !is_text("prefix") ||
      !is_text("base_prefix") || !document.contains("site_packages") ||
      !document["site_packages"].is_array()) {
    return Error{ErrorCode::kCorrupt, "python3 did not say what it is: " + text.substr(0, 500), false};
  }
  PythonInfo info{
      document["executable"], document["version"], document["prefix"], document["base_prefix"], {}};
  for (const json& folder : document["site_packages"]) {
    if (folder.is_string()) info.site_packages.push_back(folder);
  }
  return info;
}

std::string environment_hash(const PythonInfo& python, std::vector<std::string> requirements,
                             const std::string& file_content) {
  std::sort(requirements.begin(), requirements.end());
  Sha256 hash;
  hash.update_framed(python.version);
  hash.update_framed(python.prefix);
  hash.update_framed(python.executable);
  hash.update_framed(file_content);
  for (const std::string& requirement : requirements) hash.update_framed(requirement);
  return hash.hex_digest().substr(0, 32);
}

void prepare_environment(boost::asio::io_context& io, EnvironmentRequest request, LogBuffer& log,
                         std::function<void(Result<PythonEnvironment>)> done) {
  std::make_shared<Preparation>(io, std::move(request), log, std::move(done))->start();
}

}  // namespace parallelrun::agent
