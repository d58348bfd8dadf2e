#include "runner/job/pod_resolution.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "common/spec/field_path.h"
#include "common/spec/placeholders.h"
#include "runner/job/code_hash.h"
#include "runner/job/conda_file.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;

// File servers that are away for a while say these.
bool may_pass(int error) {
  return error == EIO || error == ESTALE || error == ETIMEDOUT || error == EHOSTDOWN ||
         error == EHOSTUNREACH || error == ENOTCONN;
}

std::string in_words(int error) { return std::generic_category().message(error); }

struct Trouble {
  std::string path;  // of the field
  std::string message;
  bool passing = false;
};

enum class Wanted { kDirectory, kFileOrDirectory };

// What keeps the data of `source` from being read at `mount`.
std::optional<Trouble> trouble_of(const std::string& field, const Source& source, const pod::Mount& mount,
                                  const PodPlaces& places, Wanted wanted = Wanted::kDirectory) {
  const std::string directory = places.at(mount.directory);
  struct stat status{};
  const bool there = ::stat(directory.c_str(), &status) == 0;
  const int error = there ? 0 : errno;
  const std::string sub_path = source.sub_path.empty() ? field : field + ".subPath";
  const std::string name =
      source.sub_path.empty() ? std::string("the volume") : in_quotes(source.sub_path) + " in the volume";
  if (!there && error != ENOENT && error != ENOTDIR) {
    return Trouble{sub_path, name + " cannot be accessed: " + in_words(error), may_pass(error)};
  }
  if (!there && ::stat(places.at(mount.mount_path).c_str(), &status) != 0) {
    return Trouble{field, fmt::format("the volume is not mounted at {}", places.at(mount.mount_path)), false};
  }
  if (!there) {
    return Trouble{sub_path, in_quotes(source.sub_path) + " does not exist in the volume", false};
  }
  const bool is_file = wanted == Wanted::kFileOrDirectory && S_ISREG(status.st_mode);
  if (!is_file && !S_ISDIR(status.st_mode)) return Trouble{sub_path, name + " is not a directory", false};
  if (::access(directory.c_str(), is_file ? R_OK : R_OK | X_OK) != 0) {
    const int denied = errno;
    return Trouble{sub_path,
                   fmt::format("{} cannot be read by user {}: {}", name, ::geteuid(), in_words(denied)),
                   may_pass(denied)};
  }
  return std::nullopt;
}

bool same_directory(const std::string& a, const std::string& b) {
  struct stat first{};
  struct stat second{};
  return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

// What a pod has fetched lies in that pod.
void place_fetched(const pod::PodLayout& layout, const PodPlaces& places, ResolvedJob& job) {
  for (const pod::Fetched& one : layout.fetched) {
    if (one.use == StoreUse::kInput) job.input_directories[one.name] = places.at(one.directory);
    if (one.use == StoreUse::kSideInput)
      job.side_input_directories[one.name] =
          places.at(one.mount_path.empty() ? one.directory : one.mount_path);
  }
}

class PodResolver {
 public:
  PodResolver(const JobSpec& spec, const PodPlaces& places)
      : places_(places), layout_(pod::pod_layout(spec)) {
    result_.job.spec = spec;
  }

  PodResolution run() {
    place_fetched(layout_, places_, job());
    resolve_inputs();
    resolve_side_inputs();
    resolve_output();
    if (result_.ok()) keep_output_apart();
    resolve_code();
    expand_arguments();
    if (result_.ok()) hash_code();
    return std::move(result_);
  }

 private:
  ResolvedJob& job() { return result_.job; }

  void add(std::string path, std::string message, bool passing = false) {
    result_.problems.push_back({std::move(path), std::move(message)});
    result_.passing = result_.passing || passing;
  }

  void resolve_inputs() {
    for (std::size_t i = 0; i < job().spec.inputs.size(); ++i) {
      const Input& input = job().spec.inputs[i];
      if (input.source.store.is_object()) continue;
      const pod::Mount& mount = layout_.inputs.at(input.name);
      job().input_directories[input.name] = places_.at(mount.directory);
      const auto trouble =
          trouble_of(child_path(child_path("spec.inputs", i), "source"), input.source, mount, places_);
      if (trouble) add(trouble->path, trouble->message, trouble->passing);
    }
  }

  // Mounted on workers, not here.
  void resolve_side_inputs() {
    for (const auto& [name, mount] : layout_.side_inputs) {
      job().side_input_directories[name] = places_.at(mount.directory);
    }
  }

  void resolve_output() {
    const std::string directory = places_.at(layout_.output.directory);
    job().output_directory = directory;
    const std::string field = "spec.output.source";
    struct stat status{};
    if (::stat(places_.at(layout_.output.mount_path).c_str(), &status) != 0) {
      const int error = errno;
      return add(field,
                 fmt::format("the volume is not mounted at {}: {}", places_.at(layout_.output.mount_path),
                             in_words(error)),
                 may_pass(error));
    }
    std::error_code failed;
    fs::create_directories(directory, failed);
    const bool is_directory = ::stat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
    if (failed || !is_directory) {
      const std::string why = failed ? failed.message() : "a file of that name exists there";
      return add(job().spec.output.source.sub_path.empty() ? field : field + ".subPath",
                 fmt::format("{} cannot be made in the volume by user {}: {}",
                             in_quotes(job().spec.output.source.sub_path), ::geteuid(), why),
                 may_pass(failed.value()));
    }
    if (::access(directory.c_str(), W_OK | X_OK) != 0) {
      const int error = errno;
      add(field,
          fmt::format("user {} cannot write to the volume: {}; change the owner or group of the volume, or "
                      "set spec.orchestrator.securityContext",
                      ::geteuid(), in_words(error)),
          may_pass(error));
    }
  }

  // One volume may be mounted at several paths, so it is what the directories are that counts. An output
  // below an input is fine (the listing leaves it out); the other way round the job would read what it
  // writes.
  void keep_output_apart() {
    const std::string& output = job().output_directory;
    for (std::size_t i = 0; i < job().spec.inputs.size(); ++i) {
      const std::string field = child_path("spec.inputs", i) + ".source";
      const std::string& directory = job().input_directories[job().spec.inputs[i].name];
      if (same_directory(directory, output)) {
        add(field, "is also the output directory; give the output another subPath");
      } else if (same_directory(directory, output + "/logs") ||
                 same_directory(directory, output + "/.parallelrun")) {
        add(field, "holds the runner's own files of the output directory; name another directory");
      }
    }
  }

  void resolve_code() {
    const std::string& script = job().spec.entry_script;
    if (!job().spec.source_directory) {
      job().script = script;  // of the worker's image
      return;
    }
    job().source_directory = places_.source_copy;
    job().script = (fs::path(places_.source_copy) / script).lexically_normal().string();
    must_be_file("spec.entryScript", script, job().script);
    check_environment(job().spec.environment);
  }

  void check_environment(const Environment& environment) {
    const auto path_of = [&](const std::string& file) {
      return (fs::path(places_.source_copy) / file).lexically_normal().string();
    };
    const std::string& requirements = environment.requirements_file;
    if (!requirements.empty())
      must_be_file("spec.environment.requirementsFile", requirements, path_of(requirements));
    // An absolute path is of the worker's image or volumes.
    std::error_code error;
    const std::string& wheels = environment.wheels;
    if (!wheels.empty() && !wheels.starts_with('/') && !fs::is_directory(path_of(wheels), error)) {
      add("spec.environment.wheels",
          fmt::format("{} is not a directory of spec.sourceDirectory", in_quotes(wheels)));
    }
    const std::string& conda = environment.conda_file;
    if (conda.empty() || !must_be_file("spec.environment.condaFile", conda, path_of(conda))) return;
    if (const auto read = read_conda_file(path_of(conda)); !read)
      add("spec.environment.condaFile", read.error().message);
  }

  bool must_be_file(const std::string& field, const std::string& name, const std::string& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (fs::is_regular_file(status)) return true;
    add(field, fmt::format("{} {} spec.sourceDirectory", in_quotes(name),
                           fs::exists(status) ? "is not a file of" : "does not exist in"));
    return false;
  }

  void expand_arguments() {
    const PlaceholderDirectories directories{job().input_directories, job().side_input_directories,
                                             job().output_directory};
    for (std::size_t i = 0; i < job().spec.arguments.size(); ++i) {
      Result<std::string> expanded = expand_argument(job().spec.arguments[i], directories);
      if (expanded.ok()) {
        job().arguments.push_back(std::move(expanded).value());
      } else {
        add(child_path("spec.arguments", i), expanded.error().message);
      }
    }
  }

  void hash_code() {
    if (job().source_directory.empty()) return;  // the image's name stands for its script
    Result<SourceDigests> files = source_digests(job());
    if (!files) return add("spec.sourceDirectory", files.error().message, true);
    job().code_files = std::move(files->code);
    job().other_files = std::move(files->other);
    job().code_hash = code_hash(job().code_files);
  }

  const PodPlaces& places_;
  const pod::PodLayout layout_;
  PodResolution result_;
};

}  // namespace

std::optional<CodePlace> code_place(const JobSpec& spec, const PodPlaces& places, PodResolution& resolution) {
  if (!spec.source_directory) return std::nullopt;
  const pod::PodLayout layout = pod::pod_layout(spec);
  if (const auto* fetched = pod::find_fetched(layout, StoreUse::kCode, pod::kSourceName)) {
    const std::string directory = places.at(fetched->directory);
    return CodePlace{directory, directory};
  }
  const auto trouble = trouble_of("spec.sourceDirectory", *spec.source_directory, *layout.source, places);
  if (trouble) {
    resolution.problems.push_back({trouble->path, trouble->message});
    resolution.passing = resolution.passing || trouble->passing;
    return std::nullopt;
  }
  return CodePlace{places.at(layout.source->directory), places.at(pod::kSourceVolume)};
}

PodResolution resolve_in_pod(const JobSpec& spec, const PodPlaces& places) {
  return PodResolver(spec, places).run();
}

std::map<std::string, std::string> side_inputs_here(const JobSpec& spec, const PodPlaces& places) {
  std::map<std::string, std::string> directories;
  for (const auto& [name, mount] : pod::side_inputs_on_orchestrator(pod::pod_layout(spec)))
    directories[name] = places.at(mount.directory);
  return directories;
}

Status settle_in_worker(ResolvedJob& job, const PodPlaces& places) {
  const pod::PodLayout layout = pod::pod_layout(job.spec);
  const auto failed = [](const Trouble& trouble) {
    return Error{ErrorCode::kNotFound, trouble.path + ": " + trouble.message, trouble.passing};
  };
  place_fetched(layout, places, job);
  for (std::size_t i = 0; i < job.spec.inputs.size(); ++i) {
    const Input& input = job.spec.inputs[i];
    if (input.source.store.is_object()) continue;
    const std::string field = child_path(child_path("spec.inputs", i), "source");
    if (const auto trouble = trouble_of(field, input.source, layout.inputs.at(input.name), places))
      return failed(*trouble);
  }
  for (std::size_t i = 0; i < job.spec.side_inputs.size(); ++i) {
    const SideInput& side = job.spec.side_inputs[i];
    if (side.source.store.is_object()) continue;
    const std::string field = child_path(child_path("spec.sideInputs", i), "source");
    if (const auto trouble = trouble_of(field, side.source, layout.side_inputs.at(side.name), places,
                                        Wanted::kFileOrDirectory))
      return failed(*trouble);
  }
  if (job.spec.source_directory) {
    job.source_directory = places.source_copy;
    job.script = (fs::path(places.source_copy) / job.spec.entry_script).lexically_normal().string();
  }
  return {};
}

}  // namespace parallelrun
