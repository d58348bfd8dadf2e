#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "common/posix/file_descriptor.h"
#include "common/text/presentable.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/verbs.h"

namespace parallelrun {
namespace {

constexpr const char* kScript = "score.py";
constexpr const char* kManifest = "job.yaml";
constexpr std::size_t kLongestName = 32;

struct GivenToInit {
  std::string folder = ".";
  std::string type = "file";
  std::string input = "data";
  std::string name;
};

constexpr std::string_view kFileScript =
    R"("""Called by parallelrun: init() once in each process, run() for each mini-batch."""

import os


def init():
    """Load the model here."""


def run(mini_batch):
    """Gets a list of paths. Returns one element for each file that succeeded."""
    results = []
    for path in mini_batch:
        results.append(f"{os.path.basename(path)}: {os.path.getsize(path)} bytes")
    return results
)";

constexpr std::string_view kTabularScript =
    R"("""Called by parallelrun: init() once in each process, run() for each mini-batch."""


def init():
    """Load the model here."""


def run(mini_batch):
    """Gets a pandas.DataFrame. Returns one row for each row that succeeded."""
    result = mini_batch.copy()
    result["columns"] = len(mini_batch.columns)
    return result
)";

constexpr std::string_view kManifestText = R"(# Run it:  parallelrun run {}
# Paths are relative to this file. docs/reference.md has all fields.
apiVersion: parallelrun.dev/v1alpha1
kind: ParallelRunJob
metadata: {{name: {}}}
spec:
  sourceDirectory: {{local: {{path: .}}}}
  entryScript: {}
  inputs:
  - name: data
    type: {}
    source: {{local: {{path: {}}}}}
  output: {{source: {{local: {{path: output}}}}}}
  miniBatchSize: {}
  processCountPerNode: 2
  errorThreshold: 0    # the first failed item ends the job; -1: none does
)";

// A path as YAML text, whatever is in it.
std::string in_yaml(const std::string& path) {
  std::string out = "'";
  for (const char c : path) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

// The folder's name, made to fit metadata.name: small letters, digits and '-', a letter first.
std::string name_of(const std::string& folder) {
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(folder, error).lexically_normal();
  if (path.filename().empty()) path = path.parent_path();
  std::string name;
  for (const char c : path.filename().string()) {
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (name.empty() && !letter) continue;
    name += letter ? static_cast<char>(c | 0x20) : digit ? c : '-';
  }
  name = name.substr(0, kLongestName);
  name.erase(name.find_last_not_of('-') + 1);
  return name.size() < 3 ? "first-job" : name;
}

// Gives 0, or an exit code after a message.
int write_new(const std::string& path, std::string_view text) {
  const FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file && errno == EEXIST)
    return refuse(fmt::format("'{}' is there already; nothing is overwritten: give another folder", path),
                  kExitInvalid);
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return refuse(fmt::format("cannot write '{}': {}", path, std::strerror(errno)), kExitFailed);
  return kExitComplete;
}

int run(const GivenToInit& given) {
  std::error_code error;
  std::filesystem::create_directories(given.folder, error);
  if (error) return refuse(fmt::format("cannot make '{}': {}", given.folder, error.message()), kExitFailed);
  const bool tabular = given.type == "tabular";
  const std::string script = given.folder + "/" + kScript;
  const std::string manifest = given.folder + "/" + kManifest;
  // Both or neither: a script that is there may belong to another job.
  for (const std::string& path : {script, manifest}) {
    if (std::filesystem::exists(path, error))
      return refuse(fmt::format("'{}' is there already; nothing is overwritten: give another folder", path),
                    kExitInvalid);
  }
  const std::string text =
      fmt::format(kManifestText, kManifest, given.name.empty() ? name_of(given.folder) : given.name, kScript,
                  given.type, in_yaml(given.input), tabular ? "1MB" : "10");
  if (const int code = write_new(script, tabular ? kTabularScript : kFileScript); code != kExitComplete)
    return code;
  if (const int code = write_new(manifest, text); code != kExitComplete) return code;
  const std::string where = presentable(manifest);
  return print(fmt::format(
             "wrote {} and {}\nNext: put your {} into '{}', then: parallelrun run {}\n", presentable(script),
             where, tabular ? "CSV files" : "files",
             presentable((std::filesystem::path(given.folder) / given.input).lexically_normal().string()),
             where))
             ? kExitComplete
             : kExitFailed;
}

}  // namespace

Verb add_init(CLI::App& program) {
  const auto given = std::make_shared<GivenToInit>();
  CLI::App* verb = program.add_subcommand("init", "write a first script and a manifest that runs it");
  verb->add_option("FOLDER", given->folder, "where; it is made if missing; default: the current folder");
  verb->add_option("--type", given->type, "of the input: file or tabular; default file")
      ->check(CLI::IsMember({"file", "tabular"}));
  verb->add_option("--input", given->input, "the directory of the input, relative to FOLDER; default: data");
  verb->add_option("--name", given->name, "of the job; default: from the folder's name");
  verb->footer("Example: parallelrun init first --type tabular --input tables");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
