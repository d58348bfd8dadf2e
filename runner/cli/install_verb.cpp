#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "common/text/presentable.h"
#include "runner/cli/launcher.h"
#include "runner/cli/verbs.h"
#include "runner/pod/installation.h"

namespace parallelrun {
namespace {

int run(const std::string& directory) {
  const Result<std::string> installation = installation_folder();
  const Status done = installation ? install(*installation, directory) : Status(installation.error());
  if (done) return kExitComplete;
  std::fprintf(stderr, "parallelrun: %s\n", presentable(done.error().message).c_str());
  return kExitFailed;
}

}  // namespace

Verb add_install(CLI::App& program) {
  const auto directory = std::make_shared<std::string>();
  CLI::App* verb = program.add_subcommand("install", "copy this installation into a directory");
  verb->add_option("DIR", *directory, "the directory; it is made if it is missing")->required();
  return {verb, [directory] { return run(*directory); }};
}

}  // namespace parallelrun
