#include "runner/cli/run_here.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/json/compact_text.h"
#include "common/json/json.h"
#include "common/posix/private_directory.h"
#include "common/text/presentable.h"
#include "runner/cli/code_fetch.h"
#include "runner/cli/data_process.h"
#include "runner/cli/dataset_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/manifest_argument.h"
#include "runner/cli/shown.h"
#include "runner/cli/this_process.h"
#include "runner/job/identity.h"
#include "runner/job/local_resolution.h"
#include "runner/job/run_index.h"
#include "runner/job/submission.h"

namespace parallelrun {
namespace {

// A process of the job works in the script's folder, where relative entries would name something else. An
// empty one is the working directory for Python, too.
std::string absolute_entries(std::string_view list, const std::string& here) {
  std::string out;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(':', begin), list.size());
    const std::string entry(list.substr(begin, end - begin));
    if (begin > 0) out += ':';
    out += entry.starts_with('/') ? entry : here + (entry.empty() ? "" : "/" + entry);
    begin = end + 1;
  }
  return out;
}

const std::string& shown(const RunHere& command) {
  return command.shown_manifest.empty() ? command.manifest : command.shown_manifest;
}

std::string absolute(const std::string& path) {
  std::error_code error;
  return path.empty() ? path : std::filesystem::absolute(path, error).lexically_normal().string();
}

DisplayMode display_mode(const RunHere& command) {
  if (command.quiet) return DisplayMode::kQuiet;
  return command.json ? DisplayMode::kJson : display_mode_for(STDERR_FILENO);
}

// In the first lines.
void tell(const std::vector<std::string>& sentences, DisplayMode mode) {
  for (const std::string& words : sentences) {
    if (mode == DisplayMode::kJson) {
      print(compact_text({{"event", "note"}, {"message", words}}) + "\n");
    } else if (mode != DisplayMode::kQuiet) {
      std::fprintf(stderr, "%s\n", presentable(words).c_str());
    }
  }
}

// Of a job that did not say itself where its output goes.
void tell_output(const std::string& output, DisplayMode mode) {
  const std::string words = "the output directory is '" + output + "'";
  if (mode != DisplayMode::kJson) return tell({words}, mode);
  print(compact_text({{"event", "note"}, {"message", words}, {"output", output}}) + "\n");
}

// A job with everything that it needs, as far as it is clear before a process of it starts.
struct Prepared {
  LocalResolution resolution;
  std::vector<std::string> told;
  std::optional<PrivateDirectory> data;  // lives as long as the run
};

// Gives an exit code where something is wrong, which has been printed.
std::optional<int> resolve_here(const JobSpec& spec, LocalOverrides& overrides, const RunHere& command,
                                Prepared& prepared) {
  if (uses_stores(spec, overrides) && !prepared.data) {
    Result<PrivateDirectory> made = make_data_directory();
    if (!made) {
      complain(made.error().message);
      return kExitFailed;
    }
    prepared.data.emplace(std::move(*made));
    overrides.data_directory = prepared.data->path();
  }
  if (overrides.fetched_code.empty()) {
    const auto say = [mode = display_mode(command)](const std::string& note) { tell({note}, mode); };
    if (const auto refused = bring_code(spec, command.manifest, shown(command), overrides, say))
      return refused;
  }
  prepared.resolution = resolve(spec, overrides, command.manifest);
  if (prepared.resolution.ok()) return std::nullopt;
  print_problems(prepared.resolution.problems, shown(command));
  return kExitInvalid;
}

// Where the job writes; nothing: the manifest does not say, and no option does.
std::optional<std::string> output_directory_of(const JobSpec& spec, const LocalOverrides& overrides,
                                               const std::string& manifest) {
  if (overrides.output) return overrides.output;
  const Source& source = spec.output.source;
  if (!source.local_path) return std::nullopt;
  std::error_code error;
  const auto folder = std::filesystem::absolute(manifest, error).parent_path();
  return (folder / *source.local_path / source.sub_path).lexically_normal().string();
}

// The same of a job that may name datasets.
std::optional<int> prepare(const ReadManifest& manifest, LocalOverrides& overrides, const RunHere& command,
                           Prepared& prepared) {
  if (datasets_named_in(manifest.spec).empty())
    return resolve_here(manifest.spec, overrides, command, prepared);
  const DatasetFolder folder(dataset_folder_path(command.datasets));
  const auto output = output_directory_of(manifest.spec, overrides, command.manifest);
  std::optional<RecordedDatasets> recorded = output ? recorded_datasets(*output) : std::nullopt;
  while (true) {
    DatasetsLookedUp found = look_up_datasets(manifest, overrides, folder, recorded ? &*recorded : nullptr);
    if (!found.ok()) {
      print_problems(found.problems, shown(command));
      return kExitInvalid;
    }
    if (print_broken_globs(found.spec, shown(command))) return kExitInvalid;
    if (const auto refused = resolve_here(found.spec, overrides, command, prepared)) return refused;
    prepared.told = std::move(found.told);
    // What another job began with is nothing to this one.
    if (!found.held_back || differing_settings(recorded->settings, prepared.resolution.job).empty())
      return std::nullopt;
    recorded.reset();
  }
}

SubmittedWith submitted_with(const RunHere& command, const LocalOverrides& overrides) {
  SubmittedWith with;
  if (command.manifest != "-") with.manifest = absolute(command.manifest);
  for (const auto& [name, file] : overrides.credentials) with.credentials[name] = absolute(file);
  with.datasets = absolute(command.datasets);
  with.resubmission_of = absolute(command.take_over);
  return with;
}

int refuse_take_over(const ResolvedJob& job) {
  complain(fmt::format(
      "--take-over: results are taken over into a directory, and the output '{}' lies in a store; "
      "give --output DIR",
      shown_output(job)));
  return kExitInvalid;
}

}  // namespace

bool read_named(const char* option, const char* form, const std::vector<std::string>& values,
                std::map<std::string, std::string>& into) {
  for (const std::string& value : values) {
    const std::size_t sign = value.find('=');
    if (sign == 0 || sign == std::string::npos || sign + 1 == value.size()) {
      complain(fmt::format("{} '{}': expected {}", option, value, form));
      return false;
    }
    if (!into.emplace(value.substr(0, sign), value.substr(sign + 1)).second) {
      complain(fmt::format("{} '{}': the option is given twice; give it only once", option,
                           value.substr(0, sign)));
      return false;
    }
  }
  return true;
}

bool read_folders(const std::vector<std::string>& given_inputs,
                  const std::vector<std::string>& given_side_inputs,
                  std::map<std::string, std::string>& inputs,
                  std::map<std::string, std::string>& side_inputs) {
  return read_named("--input", "NAME=DIR", given_inputs, inputs) &&
         read_named("--side-input", "NAME=DIR", given_side_inputs, side_inputs);
}

void make_python_path_absolute() {
  const char* list = std::getenv("PYTHONPATH");
  std::error_code error;
  const std::string here = std::filesystem::current_path(error).string();
  if (list == nullptr || *list == '\0' || error) return;
  setenv("PYTHONPATH", absolute_entries(list, here).c_str(), 1);
}

int run_here(const RunHere& command) {
  // The agents hold to it; found there, it would be found by each and after the start.
  const char* launcher = std::getenv("PARALLELRUN_LAUNCHER");
  const std::string_view chosen = launcher != nullptr ? launcher : "";
  if (!chosen.empty() && chosen != "embedded" && chosen != "python") {
    complain(fmt::format(
        "PARALLELRUN_LAUNCHER is '{}', but must be 'embedded' or 'python'; correct it or unset it",
        launcher));
    return kExitInvalid;
  }
  const std::optional<ReadManifest> manifest =
      command.text ? read_spec(*command.text, shown(command), command.overrides)
                   : read_spec(command.manifest, command.overrides);
  if (!manifest) return kExitInvalid;

  LocalOverrides overrides;
  if (!read_folders(command.inputs, command.side_inputs, overrides.inputs, overrides.side_inputs) ||
      !read_named("--credentials", "NAME=FILE", command.credentials, overrides.credentials)) {
    return kExitInvalid;
  }
  if (!command.source_directory.empty()) overrides.source_directory = command.source_directory;
  if (!command.output.empty()) overrides.output = command.output;
  overrides.environment_names = environment_names();

  Prepared prepared;
  if (const auto refused = prepare(*manifest, overrides, command, prepared)) return *refused;
  if (command.output_of) {
    overrides.output = command.output_of(prepared.resolution.job);
    if (const auto refused = prepare(*manifest, overrides, command, prepared)) return *refused;
  }
  tell(prepared.told, display_mode(command));
  if (command.output_of) tell_output(*overrides.output, display_mode(command));
  make_python_path_absolute();
  LaunchOptions options;
  options.job = std::move(prepared.resolution.job);
  options.stores = std::move(prepared.resolution.stores);
  options.data_directory = overrides.data_directory;
  options.manifest = command.manifest;
  options.program = this_program();
  options.take_over = absolute(command.take_over);
  const bool in_store = options.job.spec.output.source.store.is_object();
  if (in_store && !options.take_over.empty()) return refuse_take_over(options.job);
  if (!in_store) {
    options.run_index = RunIndex::directory_of_user();
    options.submission = submission_of(options.job, submitted_with(command, overrides));
  } else if (command.explain) {
    tell({"note: results are reused only where the output is a directory, and this one lies in a store"},
         display_mode(command));
  }
  options.explain_reuse = command.explain && !in_store;
  options.overwrite = command.overwrite || options.job.spec.output.overwrite;
  options.retry_failed = command.retry_failed;
  options.display = display_mode(command);
  return launch(options);
}

}  // namespace parallelrun
