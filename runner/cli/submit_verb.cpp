#include <fmt/format.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/json/members.h"
#include "common/spec/manifest.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/cluster_status.h"
#include "runner/cli/cluster_submit.h"
#include "runner/cli/launcher.h"
#include "runner/cli/manifest_argument.h"
#include "runner/cli/screen.h"
#include "runner/cli/verbs.h"
#include "runner/cluster/submission.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct GivenToSubmit {
  std::string what;  // FOLDER or MANIFEST
  std::string code;  // --source-directory
  std::vector<std::string> overrides;
  std::vector<std::string> inputs;
  std::vector<std::string> side_inputs;
  cluster::Claims claims;
  cluster::ClusterChoice cluster;
  bool no_wait = false;
  bool json = false;
  Form form = Form::kTable;
};

int invalid(const std::string& message) {
  complain(message);
  return kExitInvalid;
}

// What to read, and the folder that its paths are relative to.
struct Manifest {
  std::string path;
  std::string folder;
  std::string code;       // --source-directory
  std::string of_folder;  // the folder that was named in place of a manifest; empty: none was
};

// Nothing: it has been printed.
std::optional<Manifest> find_manifest(const GivenToSubmit& given) {
  std::error_code error;
  if (given.what == "-") return Manifest{given.what, ".", given.code, ""};
  if (!fs::is_directory(given.what, error))
    return Manifest{given.what, fs::path(given.what).parent_path().string(), given.code, ""};
  for (const char* name : {"job.yaml", "job.yml", "job.json"}) {
    const fs::path path = fs::path(given.what) / name;
    if (fs::exists(path, error)) return Manifest{path.string(), given.what, given.code, given.what};
  }
  invalid(fmt::format("the folder '{}' has no job.yaml; `{} init {}` writes one, or name the manifest",
                      given.what, program_words(), given.what));
  return std::nullopt;
}

int run(GivenToSubmit given) {
  if (!read_claims("--input", given.inputs, given.claims.inputs) ||
      !read_claims("--side-input", given.side_inputs, given.claims.side_inputs))
    return kExitInvalid;
  const auto manifest = find_manifest(given);
  if (!manifest) return kExitInvalid;
  const auto text = read_manifest_file(manifest->path);
  if (!text) return invalid(text.error().message);
  // A folder without a word about its code is the code; of --source-directory the place is replaced later.
  const bool has_code = !manifest->of_folder.empty() || !manifest->code.empty();
  auto read = read_spec(*text, manifest->path, given.overrides, has_code ? "." : "");
  if (!read) return kExitInvalid;

  cluster::Interrupt interrupt;
  const auto connection = connect(given.cluster);
  if (!connection) return kExitInvalid;
  json document = std::move(read->document);
  // Who names no namespace means the manifest's.
  const std::string own = text_at(object_at(document, "metadata"), "namespace");
  std::unique_ptr<cluster::Connection> elsewhere;
  if (!own.empty() && given.cluster.name_space.empty() && own != connection->name_space()) {
    cluster::ClusterChoice choice = given.cluster;
    choice.name_space = own;
    elsewhere = connect(choice);
    if (!elsewhere) return kExitInvalid;
  }
  cluster::Jobs jobs(elsewhere ? *elsewhere : *connection, interrupt.token());
  const auto ready = cluster::submission(std::move(document), given.claims, manifest->folder, manifest->code,
                                         jobs.name_space());
  if (!ready) return print_error(ready.error());
  if (!ready->problems.empty()) {
    print_problems(ready->problems, manifest->path);
    return kExitInvalid;
  }
  return submit_job(jobs, interrupt, *ready,
                    {.no_wait = given.no_wait, .json = given.json, .form = given.form});
}

}  // namespace

Verb add_submit(CLI::App& program) {
  const auto given = std::make_shared<GivenToSubmit>();
  CLI::App* verb = program.add_subcommand(
      "submit", "run a job in a cluster, and show its progress until the end; Ctrl-C leaves it there");
  verb->add_option("MANIFEST", given->what,
                   "a ParallelRunJob in YAML or JSON, - for standard input, or a folder with its job.yaml. A "
                   "local folder of code becomes ConfigMaps")
      ->required();
  verb->add_option("--set", given->overrides,
                   "FIELD=VALUE: another value for a field of spec, such as --set nodeCount=4");
  verb->add_option("--input", given->inputs,
                   "NAME=CLAIM[/FOLDER]: a PersistentVolumeClaim, and a folder of it, in place of an input");
  verb->add_option("--side-input", given->side_inputs, "NAME=CLAIM[/FOLDER]: the same for a side input");
  verb->add_option("--output", given->claims.output, "CLAIM[/FOLDER]: the same for the output");
  verb->add_option("--source-directory", given->code, "DIR: the local folder of the entry script");
  verb->add_flag("--no-wait", given->no_wait, "come back as soon as the cluster has the job");
  CLI::Option* json = verb->add_flag("--json", given->json, "print progress and result as JSON lines");
  add_cluster_options(*verb, given->cluster);
  add_form_option_of_job(*verb, given->form);
  json->excludes("--format");
  verb->footer("Example: parallelrun submit first --input data=photos/2026 --output results/first -n team");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
