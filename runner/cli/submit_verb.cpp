#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/json/compact_text.h"
#include "common/json/members.h"
#include "common/spec/manifest.h"
#include "common/spec/overrides.h"
#include "common/text/counted.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/cluster_status.h"
#include "runner/cli/launcher.h"
#include "runner/cli/manifest_argument.h"
#include "runner/cli/shown.h"
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
};

int invalid(const std::string& message) {
  std::fprintf(stderr, "parallelrun: %s\n", presentable(message).c_str());
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

// The manifest as the user wrote it, with --set applied, as far as it can be read.
json document_of(const std::string& text, const std::vector<std::string>& overrides) {
  Problems problems;
  Document document = parse_document(text, ManifestFormat::kAuto, problems);
  static_cast<void>(apply_overrides(document.root, overrides, problems));
  return std::move(document.root);
}

bool read_claims(const char* option, const std::vector<std::string>& values,
                 std::map<std::string, std::string>& into) {
  for (const std::string& value : values) {
    const std::size_t sign = value.find('=');
    if (sign == 0 || sign == std::string::npos || sign + 1 == value.size() || value[sign + 1] == '/') {
      invalid(fmt::format("{} '{}': expected NAME=CLAIM or NAME=CLAIM/FOLDER", option, value));
      return false;
    }
    if (!into.emplace(value.substr(0, sign), value.substr(sign + 1)).second) {
      invalid(fmt::format("{} '{}': the option is given twice; give it only once", option,
                          value.substr(0, sign)));
      return false;
    }
  }
  return true;
}

// The code first, since a pod waits for it; it is nobody's until the job is there.
Result<json> create(cluster::Jobs& jobs, const cluster::Submission& submission) {
  const std::string name = text_at(object_at(submission.job, "metadata"), "name");
  const std::string code = cluster::code_map_name(name);
  const auto there = jobs.find(name);
  if (!there) return there.error();
  if (*there)
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("there is a job '{}' already ({}) in the namespace '{}'; give this one another name "
                    "(--set metadata.name=...), or remove that one: {}",
                    name, cluster::job_view(**there).state, jobs.name_space(),
                    command_words("cancel", name, jobs.name_space())),
        false};
  if (submission.code) {
    auto made = jobs.create_object(submission.code->config_map);
    if (!made && made.error().code == ErrorCode::kConflict) {
      // Of a job that is gone, of the same name. Nobody else's is touched.
      const auto old = jobs.get_object("ConfigMap", code);
      if (!old) return old.error();
      const json& labels = object_at(object_at(*old, "metadata"), "labels");
      if (text_at(labels, cluster::kCodeOfLabel) != name)
        return Error{
            ErrorCode::kInvalidArgument,
            fmt::format(
                "the code of the job would be the ConfigMap '{}', and there is one of that name which "
                "`submit` has not made; give the job another name (--set metadata.name=...)",
                code),
            false};
      if (const Status removed = jobs.remove_object("ConfigMap", code); !removed) return removed.error();
      made = jobs.create_object(submission.code->config_map);
    }
    if (!made) return made.error();
  }
  auto job = jobs.create(submission.job);
  if (!job) {
    // Where the answer was lost, or another one submitted it, the job is there and needs its code.
    if (submission.code) {
      const auto made = jobs.find(name);
      if (made && !*made) static_cast<void>(jobs.remove_object("ConfigMap", code));
    }
    return job.error();
  }
  if (submission.code) {
    const json owner = {{"apiVersion", kApiVersion},
                        {"kind", kKind},
                        {"name", name},
                        {"uid", text_at(object_at(*job, "metadata"), "uid")}};
    const auto owned =
        jobs.patch_object("ConfigMap", code, {{"metadata", {{"ownerReferences", json::array({owner})}}}});
    if (!owned)
      std::fprintf(stderr, "parallelrun: warning: the ConfigMap '%s' will not be deleted with the job: %s\n",
                   code.c_str(), presentable(owned.error().message).c_str());
  }
  return job;
}

void tell_detached(const cluster::JobView& job) {
  std::fprintf(stderr, "the job '%s' goes on in the cluster. Its progress: %s; its end: %s\n",
               presentable(job.name).c_str(), command_words("status -w", job.name, job.name_space).c_str(),
               command_words("cancel", job.name, job.name_space).c_str());
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
  if (has_code && !object_at(document_of(*text, given.overrides), "spec").contains("sourceDirectory"))
    given.overrides.emplace_back("sourceDirectory.local.path=.");
  if (!read_spec(*text, manifest->path, given.overrides)) return kExitInvalid;

  cluster::Interrupt interrupt;
  const auto connection = connect(given.cluster);
  if (!connection) return kExitInvalid;
  json document = document_of(*text, given.overrides);
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
  const auto created = create(jobs, *ready);
  if (!created) return print_error(created.error());
  const cluster::JobView job = cluster::job_view(*created);
  if (ready->code)
    std::fprintf(stderr, "code: %s, %s, as the ConfigMap '%s', which goes with the job\n",
                 counted(ready->code->files, "file").c_str(), short_size(ready->code->bytes).c_str(),
                 cluster::code_map_name(job.name).c_str());
  std::fprintf(stderr, "submitted the job '%s' in the namespace '%s'\n", presentable(job.name).c_str(),
               presentable(jobs.name_space()).c_str());
  if (given.no_wait) {
    if (!given.json) tell_detached(job);
    return !given.json || print(compact_text(event_of(job)) + "\n") ? kExitComplete : kExitFailed;
  }
  const DisplayMode mode = given.json ? DisplayMode::kJson : display_mode_for(STDERR_FILENO);
  auto end = follow(jobs, interrupt, job, mode, given.json ? STDOUT_FILENO : STDERR_FILENO);
  if (!end) {
    if (end.error().code == ErrorCode::kAborted) tell_detached(job);
    return print_error(end.error());
  }
  if (!given.json) {
    const std::string words = presentable(in_words(*end)) + "\n" +
                              presentable_lines(closing_words(*end, std::chrono::system_clock::now()));
    if (!print(words)) return kExitFailed;
  }
  return end->state == "Complete" ? kExitComplete : kExitFailed;
}

}  // namespace

Verb add_submit(CLI::App& program) {
  const auto given = std::make_shared<GivenToSubmit>();
  CLI::App* verb = program.add_subcommand(
      "submit", "run a job in a cluster, and show its progress until the end; Ctrl-C leaves it there");
  verb->add_option("MANIFEST", given->what,
                   "a ParallelRunJob in YAML or JSON, - for standard input, or a folder with its job.yaml. A "
                   "local folder of code becomes a ConfigMap")
      ->required();
  verb->add_option("--set", given->overrides,
                   "FIELD=VALUE: another value for a field of spec, such as --set nodeCount=4");
  verb->add_option("--input", given->inputs,
                   "NAME=CLAIM[/FOLDER]: a PersistentVolumeClaim, and a folder of it, in place of an input");
  verb->add_option("--side-input", given->side_inputs, "NAME=CLAIM[/FOLDER]: the same for a side input");
  verb->add_option("--output", given->claims.output, "CLAIM[/FOLDER]: the same for the output");
  verb->add_option("--source-directory", given->code, "DIR: the local folder of the entry script");
  verb->add_flag("--no-wait", given->no_wait, "come back as soon as the cluster has the job");
  verb->add_flag("--json", given->json, "print progress and result as JSON lines");
  add_cluster_options(*verb, given->cluster);
  verb->footer("Example: parallelrun submit first --input data=photos/2026 --output results/first -n team");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
