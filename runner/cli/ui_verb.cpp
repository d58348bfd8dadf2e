// `ui`: a page on 127.0.0.1 for whoever has the link that is printed, or with --listen for viewers of a
// cluster (docs/ui.md).
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "common/posix/environment.h"
#include "common/posix/file_descriptor.h"
#include "common/posix/private_directory.h"
#include "common/posix/process_start.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/this_process.h"
#include "runner/cli/ui_viewers.h"
#include "runner/cli/verbs.h"
#include "runner/cluster/interrupt.h"
#include "runner/protocol/machine_token.h"
#include "runner/web/cluster_world.h"
#include "runner/web/directory_world.h"
#include "runner/web/pages.h"
#include "runner/web/places.h"
#include "runner/web/web_server.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;

struct GivenToUi {
  std::vector<std::string> folders;
  cluster::ClusterChoice cluster;
  std::vector<std::string> name_spaces;
  bool all_namespaces = false;
  int depth = 3;
  int port = 0;
  std::string pages;
  bool no_browser = false;
  GivenToViewers viewers;

  bool in_cluster() const { return cluster.given() || !name_spaces.empty() || all_namespaces; }
};

// Absolute, without a slash at the end. Nothing: one is no folder, and that has been printed.
std::optional<std::vector<std::string>> roots_of(const std::vector<std::string>& folders) {
  std::vector<std::string> roots;
  for (const std::string& folder : folders) {
    std::error_code error;
    const fs::path path = fs::canonical(folder, error);
    if (error || !fs::is_directory(path, error)) {
      refuse(fmt::format("'{}' is no folder ({}); name output directories of jobs, or folders above them",
                         folder, error ? error.message() : "it is a file"),
             kExitInvalid);
      return std::nullopt;
    }
    roots.push_back(path.string());
  }
  return roots;
}

// Opens the link in the user's browser. Arguments of a process can be seen by everybody on the machine, so
// the browser is given a file that only this user can read, and which leads to the link. The folder with it
// must live as long as the browser may need it.
std::optional<PrivateDirectory> open_browser(const std::string& link) {
  const bool desktop =
      !environment_variable("DISPLAY").empty() || !environment_variable("WAYLAND_DISPLAY").empty();
  if (!desktop || isatty(STDERR_FILENO) != 1) return std::nullopt;
  const std::string runtime = environment_variable("XDG_RUNTIME_DIR");
  auto folder = PrivateDirectory::make(runtime.empty() ? "/tmp" : runtime, "parallelrun-ui");
  if (!folder) return std::nullopt;
  const std::string page = folder->path() + "/open.html";
  const std::string text =
      "<!doctype html><meta charset=utf-8><meta name=referrer content=no-referrer>"
      "<meta http-equiv=refresh content=\"0;url=" +
      link + "\"><title>ParallelRun</title>";
  const FileDescriptor file(open(page.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return std::nullopt;
  ProcessStart start;
  // A browser that is not there is no fault: the link has been printed. It is not ours to wait for.
  const auto started = start.start({"xdg-open", "file://" + page}, nullptr);
  return started ? std::optional(std::move(folder).value()) : std::nullopt;
}

int serve_page(const GivenToUi& given, std::vector<std::string> roots) {
  cluster::Interrupt interrupt;  // before any thread
  const std::string folder = given.pages.empty() ? web::pages_beside(this_program()) : given.pages;
  auto pages = web::read_pages(folder);
  if (!pages) return refuse(pages.error().message, kExitInvalid);
  auto token = random_token();
  if (!token) return refuse(token.error().message, kExitFailed);

  boost::asio::io_context io;
  const web::Tenant tenant{std::make_shared<web::Places>(), "whoever has the link"};
  std::vector<std::unique_ptr<web::World>> worlds;
  if (!roots.empty()) {
    web::DirectoryJobs::Options directories;
    directories.roots = std::move(roots);
    directories.depth = given.depth;
    worlds.push_back(web::make_directory_world(std::move(directories), this_program()));
  }
  if (given.in_cluster()) {
    std::vector<std::string> names = given.name_spaces;
    if (names.empty() || given.all_namespaces) names = {""};
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    for (const std::string& name : names) {
      cluster::ClusterChoice choice = given.cluster;
      choice.name_space = name;
      auto world =
          web::make_cluster_world({std::move(choice), given.all_namespaces, std::nullopt, tenant}, interrupt);
      if (!world) return refuse(world.error().message, kExitInvalid);
      worlds.push_back(std::move(world).value());
    }
  }
  web::WebServer::Options options;
  options.port = static_cast<std::uint16_t>(given.port);
  options.pages = std::move(pages).value();
  options.version = PARALLELRUN_VERSION;
  options.token = std::move(token).value();
  const auto server = web::WebServer::listen(io, std::move(options), std::move(worlds), tenant);
  if (!server) return refuse(server.error().message, kExitFailed);
  const std::string link = (*server)->link();
  // It is a secret, and standard output is where it goes: nothing else writes it anywhere.
  if (!print(link + "\n")) return kExitFailed;
  std::fprintf(
      stderr,
      "parallelrun: open this link in a browser of this machine; whoever has it sees these jobs. Ctrl-C "
      "ends it\n");
  const auto browser = given.no_browser ? std::nullopt : open_browser(link);
  const std::stop_callback on_interrupt(interrupt.token(), [&io] { io.stop(); });
  io.run();
  return kExitComplete;
}

int run_ui(GivenToUi given) {
  if (!given.viewers.listen.empty()) {
    given.viewers.name_spaces = given.name_spaces;
    given.viewers.pages = given.pages;
    return serve_viewers(given.viewers);
  }
  if (given.folders.empty() && !given.in_cluster()) given.folders = {"."};
  auto roots = roots_of(given.folders);
  return roots ? serve_page(given, std::move(*roots)) : static_cast<int>(kExitInvalid);
}

}  // namespace

Verb add_ui(CLI::App& program) {
  const auto given = std::make_shared<GivenToUi>();
  CLI::App* verb = program.add_subcommand("ui", "a page in your browser that shows jobs");
  verb->add_option("DIRECTORY", given->folders,
                   "output directories of jobs, or folders above them; default: the current folder, unless a "
                   "cluster is named");
  verb->add_option("--depth", given->depth, "how many folders deep to look for them; default 3")
      ->check(CLI::Range(0, 64));
  add_cluster_options(*verb, given->cluster);
  // A page shows the jobs of several together.
  verb->remove_option(verb->get_option("--namespace"));
  verb->add_option("-n,--namespace", given->name_spaces,
                   "NAME of a namespace whose jobs are shown; again for each further one")
      ->allow_extra_args(false);
  verb->add_flag("-A,--all-namespaces", given->all_namespaces, "all jobs of the cluster");
  verb->add_option("--port", given->port, "of 127.0.0.1; default: a free one")->check(CLI::Range(0, 65535));
  verb->add_option("--pages", given->pages, "DIR: the files of the page; default: those of this program");
  verb->add_flag("--no-browser", given->no_browser, "print the link, and open no browser");
  add_viewer_options(*verb, given->viewers);
  verb->footer("Example: parallelrun ui results; of a cluster: parallelrun ui -n team");
  return {verb, [given] { return run_ui(*given); }};
}

}  // namespace parallelrun
