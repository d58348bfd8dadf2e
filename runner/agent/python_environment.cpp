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
#include "common/json/members.h"
#include "common/posix/file_descriptor.h"
#include "common/text/presentable.h"
#include "runner/agent/command.h"
#include "runner/agent/install_verdict.h"
#include "runner/agent/installer.h"
#include "runner/agent/proc_files.h"
#include "runner/agent/secret_texts.h"
#include "runner/agent/time.h"
#include "runner/job/conda_file.h"
#include "runner/job/requirement_files.h"
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

// The program of a version of Python that a conda file names: "=3.8.13" -> "python3.8"; empty: it names none.
std::string program_of_version(const std::string& constraint) {
  const std::size_t begin = constraint.find_first_of("0123456789");
  if (begin == std::string::npos) return {};
  const std::size_t dot = constraint.find('.', begin);
  if (dot == std::string::npos) return "python" + constraint.substr(begin);
  return "python" + constraint.substr(begin, constraint.find_first_not_of("0123456789", dot + 1) - begin);
}

// A line of the pip part of a conda file, whose folder relative paths of included files are meant from.
std::string with_absolute_inclusion(const std::string& line, const fs::path& folder) {
  const Inclusion included = inclusion_of(line);
  if (included.path.empty()) return line;
  return included.option + " " + (folder / included.path).lexically_normal().string();
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
    for (const std::string& name : request_.secret_names) secrets_.add(variable(request_.variables, name));
    ask(python, [self = shared_from_this()](PythonInfo info) {
      self->base_ = std::move(info);
      self->conda();
    });
  }

 private:
  void fail(const std::string& message) { done_(Error{ErrorCode::kInvalidArgument, shown(message), false}); }

  std::string shown(const std::string& text) const { return presentable_lines(secrets_.without(text)); }

  void fail(InstallVerdict verdict, const std::string& message) {
    if (verdict == InstallVerdict::kHopeless) return fail(message);
    const bool passing = verdict == InstallVerdict::kPassing;
    done_(Error{passing ? ErrorCode::kUnavailable : ErrorCode::kIo, shown(message), true});
  }

  // Of a file that cannot be written; `code` is its errno.
  void fail_to_write(int code, const std::string& message) {
    const bool passing = install_verdict(std::strerror(code), {}) == InstallVerdict::kPassing;
    fail(passing ? InstallVerdict::kPassing : InstallVerdict::kHopeless, message);
  }

  void say(const std::string& line) { log_.append(presentable(secrets_.without(line)) + "\n", now()); }

  // Line by line, since an address may come in two pieces.
  void log_output(std::string_view bytes) {
    constexpr std::size_t kLongestLine = 64U << 10U;
    line_.append(bytes);
    const std::size_t end = line_.rfind('\n');
    const std::size_t whole = end != std::string::npos      ? end + 1
                              : line_.size() > kLongestLine ? line_.size()
                                                            : 0;
    log_.append(shown(line_.substr(0, whole)), now());
    line_.erase(0, whole);
  }

  void command(std::vector<std::string> argv, bool logged, std::function<void(CommandEnd)> then,
               const std::string& directory = {}) {
    if (logged) say("$ " + fmt::format("{}", fmt::join(argv, " ")));
    CommandRequest request;
    request.exec_program = request_.exec_program;
    request.argv = std::move(argv);
    request.environment = request_.variables;
    request.environment.insert(request.environment.end(), uv_settings_.variables.begin(),
                               uv_settings_.variables.end());
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

  // The same for a script of runner/python/environment.
  std::vector<std::string> script(const std::string& python, const char* name,
                                  std::vector<std::string> arguments) const {
    std::vector<std::string> argv = {python, "-I", request_.package_directory + "/environment/" + name};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return argv;
  }

  // --- a conda file ---

  void conda() {
    if (request_.conda_file.empty()) return requirements();
    auto parsed = read_conda_file(request_.conda_file);
    if (!parsed) return fail("spec.environment.condaFile: " + parsed.error().message);
    conda_ = std::move(*parsed);
    if (conda_allows(conda_.python.constraint, base_.version)) return conda_packages();
    const std::string program = program_of_version(conda_.python.constraint);
    const std::string other = program.empty() ? "" : find_on_path(program, request_.variables);
    if (other.empty()) return fail_python(program);
    command({other, "-I", "-c", kQuestion}, false,
            [self = shared_from_this(), program](const CommandEnd& end) {
              auto info = parse_python_info(end.output);
              if (!end.succeeded || !info || !conda_allows(self->conda_.python.constraint, info->version))
                return self->fail_python(program);
              self->base_ = std::move(*info);
              self->conda_packages();
            });
  }

  void fail_conda(const std::string& why) {
    fail(fmt::format("spec.environment.condaFile '{}': {}", request_.conda_file, why));
  }

  void fail_python(const std::string& program) {
    fail_conda(fmt::format(
        "it asks for '{}', but python3 is {} ({}){}; name an image with that Python in "
        "spec.environment.image, activate "
        "an environment with it, or change the line",
        conda_.python.written, base_.version, base_.executable,
        program.empty() ? "" : fmt::format(", and there is no {} of that version on PATH", program)));
  }

  // What no channel is asked for has to be there.
  void conda_packages() {
    if (conda_.packages.empty()) return requirements();
    std::vector<std::string> names;
    for (const CondaPackage& package : conda_.packages) names.push_back(package.name);
    command(script(base_.executable, "packages_there.py", names), false,
            [self = shared_from_this()](const CommandEnd& end) {
              const json there = json::parse(end.output, nullptr, false);
              if (!end.succeeded || !there.is_object())
                return self->fail_conda("the packages that are there cannot be listed: " + end.words);
              self->check_conda_packages(there);
            });
  }

  void check_conda_packages(const json& there) {
    std::vector<std::string> missing;
    std::vector<std::string> found;
    for (const CondaPackage& package : conda_.packages) {
      const std::string version = text_at(there, package.name.c_str());
      if (version.empty()) {
        missing.push_back(fmt::format("'{}'", package.written));
      } else if (!conda_allows(package.constraint, version)) {
        missing.push_back(fmt::format("'{}' (there is {})", package.written, version));
      } else {
        found.push_back(package.name + " " + version);
      }
    }
    if (!missing.empty()) {
      return fail_conda(fmt::format(
          "it names packages of conda, which are not installed here, since there is no conda: {}; move them "
          "to the list "
          "'pip:' under their names there, or name an image in spec.environment.image that has them",
          fmt::join(missing, ", ")));
    }
    say(fmt::format("packages of conda that are there already: {}", fmt::join(found, ", ")));
    requirements();
  }

  // --- the cached virtual environment ---

  bool nothing_to_install() const {
    return request_.requirements.empty() && request_.requirements_file.empty() && conda_.pip.empty();
  }

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
    if (nothing_to_install()) return choose(base_);
    for (const std::string& line : conda_.pip) content += "\n" + line;
    std::error_code missing;
    if (!request_.wheels.empty() && !fs::is_directory(request_.wheels, missing)) {
      return fail(fmt::format("spec.environment.wheels: there is no folder '{}'", request_.wheels));
    }
    if (!request_.source_directory.empty() || !request_.wheels.empty()) {
      const Result<std::string> more = content_of(requirement_files(
          request_.source_directory,
          {request_.requirements, request_.requirements_file, request_.conda_file, request_.wheels}));
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
    began_ = now();
    find_uv();
  }

  // --- which installer ---

  void find_uv() {
    const std::string forced = variable(request_.variables, "PARALLELRUN_INSTALLER");
    if (!forced.empty() && forced != "pip" && forced != "uv")
      return fail(fmt::format("PARALLELRUN_INSTALLER is '{}', but must be 'pip' or 'uv'", forced));
    if (forced == "pip") return make();
    std::string found = find_on_path("uv", request_.variables);
    if (found.empty()) found = base_.prefix + "/bin/uv";
    if (::access(found.c_str(), X_OK) == 0) return try_uv(found);
    const std::string wheel = wheel_of_uv();
    if (wheel.empty()) return without_uv("it is neither on PATH nor beside python3 nor among the wheels");
    found = folder_ + ".uv";
    command(script(base_.executable, "uv_of_wheel.py", {wheel, found}), false,
            [self = shared_from_this(), found](const CommandEnd& end) {
              if (!end.succeeded) return self->without_uv(last_lines(end.output));
              self->uv_of_wheel_ = found;
              self->try_uv(found);
            });
  }

  std::string wheel_of_uv() const {
    std::error_code error;
    for (fs::directory_iterator entry(request_.wheels, error), end; !error && entry != end;
         entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      if (name.starts_with("uv-") && name.ends_with(".whl")) return entry->path().string();
    }
    return {};
  }

  void without_uv(const std::string& why) {
    if (variable(request_.variables, "PARALLELRUN_INSTALLER") == "uv")
      return fail("PARALLELRUN_INSTALLER is 'uv', but uv cannot be used: " + why);
    say("uv is not used: " + why);
    make();
  }

  // A shim may be there without the program.
  void try_uv(const std::string& uv) {
    command({uv, "--version"}, false, [self = shared_from_this(), uv](const CommandEnd& end) {
      if (!end.succeeded) return self->without_uv(fmt::format("'{}' does not run: {}", uv, end.words));
      self->installer_ = end.output.substr(0, end.output.find('\n'));
      self->ask_pip(uv);
    });
  }

  void ask_pip(const std::string& uv) {
    command({base_.executable, "-I", "-m", "pip", "config", "list"}, false,
            [self = shared_from_this(), uv](const CommandEnd& end) {
              // Without pip there are only its variables.
              auto settings =
                  uv_settings(end.succeeded ? end.output : pip_settings_of(self->request_.variables),
                              self->request_.variables);
              if (!settings) {
                self->installer_ = "pip";
                return self->without_uv(fmt::format("pip has the setting '{}', which uv does not have",
                                                    settings.error().message));
              }
              self->uv_ = uv;
              self->uv_settings_ = std::move(*settings);
              self->make();
            });
  }

  // --- making it ---

  void make() {
    std::vector<std::string> argv = {base_.executable, "-m", "venv", "--system-site-packages", folder_};
    if (!uv_.empty()) argv.insert(argv.end() - 1, "--without-pip");
    command(std::move(argv), true, [self = shared_from_this()](CommandEnd end) {
      if (!end.succeeded) {
        return self->fail(install_verdict(end.output, end.words),
                          fmt::format("the virtual environment '{}' cannot be made: {}\n{}", self->folder_,
                                      end.words, last_lines(end.output)));
      }
      self->inherit();
    });
  }

  // A virtual environment made from another sees the installation below both, not that other's packages.
  void inherit() {
    const bool plain = base_.prefix == base_.base_prefix;
    if (plain && uv_.empty()) return install();  // pip sees what lies below by itself
    ask(folder_ + "/bin/python3", [self = shared_from_this(), plain](PythonInfo info) {
      if (info.site_packages.empty())
        return self->fail("the new virtual environment has no site-packages folder");
      self->site_packages_ = info.site_packages.front();
      if (plain) return self->lend();
      std::ofstream file(self->site_packages_ + "/parallelrun_base.pth");
      for (const std::string& folder : self->base_.site_packages) {
        // addsitedir also reads the .pth files there (editable installs).
        file << "import site; site.addsitedir(" << json(folder).dump() << ")\n";
      }
      file.close();
      if (!file) return self->fail(fmt::format("'{}' cannot be written", self->folder_));
      self->lend();
    });
  }

  // uv does not see what lies below the virtual environment.
  void lend() {
    if (uv_.empty()) return install();
    command(script(folder_ + "/bin/python3", "base_packages.py", {"lend", site_packages_}), false,
            [self = shared_from_this()](const CommandEnd& end) {
              if (end.succeeded) return self->install();
              self->fail(install_verdict(end.output, end.words),
                         fmt::format("the packages of the base cannot be listed: {}\n{}", end.words,
                                     last_lines(end.output)));
            });
  }

  void install() {
    // Why an index gave nothing stands in pip's log alone: on its output a server's error is "No matching
    // distribution" too.
    InstallCommand install{uv_,
                           folder_ + "/bin/python3",
                           request_.requirements,
                           request_.requirements_file,
                           request_.wheels,
                           folder_ + ".pip.log",
                           uv_settings_.options};
    std::string directory = request_.source_directory;
    if (!request_.conda_file.empty()) {
      directory = fs::path(request_.conda_file).parent_path().string();
      install.requirements_file = folder_ + ".requirements.txt";
      std::ofstream file(install.requirements_file, std::ios::binary | std::ios::trunc);
      for (const std::string& line : conda_.pip) file << with_absolute_inclusion(line, directory) << "\n";
      file.close();
      if (!file)
        return fail_to_write(errno, fmt::format("'{}' cannot be written", install.requirements_file));
    }
    remove({install.log});
    const auto then = [self = shared_from_this(), log = install.log](const CommandEnd& end) {
      const std::string logged = read_small_file(log);
      self->remove({log, self->folder_ + ".requirements.txt", self->uv_of_wheel_});
      if (!end.succeeded)
        return self->fail(install_verdict(end.output + logged, end.words), self->install_error(end));
      self->take_back();
    };
    command(argv_of(install), true, then, directory);
  }

  static void remove(const std::vector<std::string>& files) {
    std::error_code ignored;
    for (const std::string& file : files) {
      if (!file.empty()) fs::remove(file, ignored);
    }
  }

  void take_back() {
    if (uv_.empty()) return complete();
    command(script(folder_ + "/bin/python3", "base_packages.py", {"take_back", site_packages_}), false,
            [self = shared_from_this()](const CommandEnd& end) {
              if (end.succeeded) return self->complete();
              self->fail(install_verdict(end.output, end.words),
                         fmt::format("'{}' cannot be finished: {}\n{}", self->folder_, end.words,
                                     last_lines(end.output)));
            });
  }

  void complete() {
    const FileDescriptor marker(
        ::open((folder_ + "/" + kMarker).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    if (!marker) {
      const int code = errno;
      return fail_to_write(code, fmt::format("'{}' cannot be written: {}", folder_, std::strerror(code)));
    }
    say(fmt::format("installed with {} in {:.1f} s", installer_, seconds(now() - began_)));
    look();
  }

  std::string install_error(const CommandEnd& end) const {
    std::string what =
        fmt::format("spec.environment.requirements ({})", fmt::join(request_.requirements, ", "));
    if (!request_.conda_file.empty())
      what = fmt::format("the list 'pip:' of spec.environment.condaFile '{}'", request_.conda_file);
    if (!request_.requirements_file.empty())
      what = fmt::format("spec.environment.requirementsFile '{}'", request_.requirements_file);
    if (!request_.wheels.empty()) what += fmt::format(" from the wheels in '{}'", request_.wheels);
    const std::string reason = install_reason(end.output);
    // First what was found: of a long message its end may be cut off.
    return fmt::format("{} cannot be installed: {}; {}the last lines of {}:\n{}", what, end.words,
                       reason.empty() ? "" : reason + "; ", installer_, last_lines(end.output));
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
  CondaFile conda_;
  SecretTexts secrets_;
  std::string installer_ = "pip";  // in words
  std::string uv_;                 // its path, where it installs
  std::string uv_of_wheel_;        // made for this installation
  UvSettings uv_settings_;
  std::string site_packages_;  // of the new environment
  Time began_{};
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
