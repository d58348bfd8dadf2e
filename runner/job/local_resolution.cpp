#include "runner/job/local_resolution.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "common/spec/field_path.h"
#include "common/spec/nearest_name.h"
#include "common/spec/placeholders.h"
#include "common/spec/store_sources.h"
#include "common/spec/utf8.h"
#include "runner/input/column_declarations.h"
#include "runner/job/code_hash.h"
#include "runner/job/conda_file.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;

// What messages and --credentials call the code and the output.
constexpr const char* kSourceDirectory = "sourceDirectory";
constexpr const char* kOutputName = "output";

// Agent k is node 127.0.0.(k+1), and the last number of an address ends at 254.
constexpr int kMostLocalNodes = 254;

// Absolute, without '.', '..' and a closing '/'.
std::string normal(const fs::path& path) {
  std::error_code error;  // the working directory may be gone
  const fs::path absolute = fs::absolute(path, error);
  std::string text = (error ? "/" / path : absolute).lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

std::string canonical(const std::string& path) {
  std::error_code error;
  const fs::path real = fs::weakly_canonical(path, error);
  return error ? path : normal(real);
}

bool lies_in(std::string_view path, std::string_view directory) {
  if (directory == "/") return true;
  return path == directory || (path.starts_with(directory) && path[directory.size()] == '/');
}

bool lies_below(std::string_view path, std::string_view directory) {
  return path != directory && lies_in(path, directory);
}

// What is wrong with a directory that shall be read; empty: nothing.
std::string broken_directory(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) return "does not exist";
  if (error) return "cannot be read: " + error.message();
  if (!fs::is_directory(status)) return "is not a directory";
  if (::access(path.c_str(), R_OK | X_OK) != 0) {
    return "cannot be read: " + std::generic_category().message(errno);
  }
  return {};
}

std::string broken_file(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) return "does not exist";
  if (error) return "cannot be read: " + error.message();
  if (!fs::is_regular_file(status)) return "is not a file";
  if (::access(path.c_str(), R_OK) != 0) return "cannot be read: " + std::generic_category().message(errno);
  return {};
}

// A side input may be a single file, too, as a model that was registered from one file is.
std::string broken_side_input(const std::string& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return broken_file(path);
  const std::string broken = broken_directory(path);
  return broken == "is not a directory" ? "is neither a file nor a directory" : broken;
}

class LocalResolver {
 public:
  LocalResolver(const JobSpec& spec, const LocalOverrides& overrides, const fs::path& manifest)
      : overrides_(overrides), manifest_(normal(manifest)), folder_(fs::path(manifest_).parent_path()) {
    job_.spec = spec;
  }

  LocalResolution run() {
    refuse_unknown_names("--input", overrides_.inputs, job_.spec.inputs);
    refuse_unknown_names("--side-input", overrides_.side_inputs, job_.spec.side_inputs);
    resolve_data("--input", "spec.inputs", overrides_.inputs, job_.spec.inputs, job_.input_directories,
                 {"directory", broken_directory});
    resolve_data("--side-input", "spec.sideInputs", overrides_.side_inputs, job_.spec.side_inputs,
                 job_.side_input_directories, {"path", broken_side_input});
    resolve_code();
    resolve_output();
    refuse_unused_credentials();
    if (problems_.empty()) keep_output_apart();
    check_machine();
    expand_arguments();
    if (problems_.empty()) hash_code();
    return {std::move(job_), std::move(stores_), problems_.take()};
  }

  CodeInStore code_in_store() {
    const std::optional<Source>& code = job_.spec.source_directory;
    if (overrides_.source_directory || !code || !code->store.is_object()) return {};
    StoreInUse store = store_in_use(StoreUse::kCode, kSourceDirectory, *code, "spec.sourceDirectory");
    return {std::move(store), problems_.take()};
  }

 private:
  // The directory of a source, and the path under which its problems are told.
  struct Found {
    std::string directory;
    std::string where;
  };

  template <typename Named>
  void refuse_unknown_names(std::string_view option, const std::map<std::string, std::string>& given,
                            const std::vector<Named>& named) {
    std::vector<std::string> known;
    for (const Named& item : named) known.push_back(item.name);
    for (const auto& [name, directory] : given) {
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      problems_.add(std::string(option), fmt::format("the job has no {} with the name {}{}",
                                                     option == "--input" ? "input" : "side input",
                                                     in_quotes(name), did_you_mean(name, known)));
    }
  }

  // Where a source lies here. An option wins and becomes the source; a volume without one is a problem.
  std::optional<Found> locate(Source& source, const std::string& field, const std::string& option,
                              const std::string* given) {
    Found found;
    if (given != nullptr) {
      if (given->empty()) {
        problems_.add(option, "the directory is missing");
        return std::nullopt;
      }
      found = {normal(*given), option};
      source = {};
      source.local_path = found.directory;
    } else if (source.local_path) {
      found = {normal(folder_ / *source.local_path / source.sub_path), field};
    } else if (source.dataset.is_object()) {
      problems_.add(field, fmt::format("names the dataset {}; give a directory in its place with {}",
                                       in_quotes(source.dataset.value("name", "")), option));
      return std::nullopt;
    } else {
      const std::string kind =
          source.volume.is_object() && !source.volume.empty() ? source.volume.begin().key() : "volume";
      problems_.add(field, fmt::format("a {} exists only on a cluster; give a directory in its place with {}",
                                       kind, option));
      return std::nullopt;
    }
    if (!is_utf8(found.directory)) {
      problems_.add(found.where, fmt::format("the path {} is not UTF-8; rename the directory or link to it",
                                             in_quotes(found.directory)));
      return std::nullopt;
    }
    return found;
  }

  // What a source has to be.
  struct Kind {
    const char* noun;
    std::string (*broken)(const std::string& path);
  };

  std::optional<Found> locate_readable(Source& source, const std::string& field, const std::string& option,
                                       const std::string* given, const Kind& kind) {
    std::optional<Found> found = locate(source, field, option, given);
    if (!found) return std::nullopt;
    if (const std::string broken = kind.broken(found->directory); !broken.empty()) {
      problems_.add(found->where,
                    fmt::format("the {} {} {}", kind.noun, in_quotes(found->directory), broken));
      return std::nullopt;
    }
    return found;
  }

  template <typename Named>
  void resolve_data(std::string_view option, const std::string& field,
                    const std::map<std::string, std::string>& given, std::vector<Named>& named,
                    std::map<std::string, std::string>& directories, const Kind& kind) {
    for (std::size_t i = 0; i < named.size(); ++i) {
      Named& item = named[i];
      const auto stand_in = given.find(item.name);
      if (stand_in == given.end() && item.source.store.is_object()) {
        const StoreUse use = option == "--side-input" ? StoreUse::kSideInput : StoreUse::kInput;
        stores_.push_back(
            store_in_use(use, item.name, item.source, child_path(child_path(field, i), "source")));
        directories[item.name] = stores_.back().directory;
        stores_.back().table = table_of(item);
        continue;
      }
      const auto found = locate_readable(item.source, child_path(child_path(field, i), "source"),
                                         fmt::format("{} {}=DIR", option, item.name),
                                         stand_in == given.end() ? nullptr : &stand_in->second, kind);
      if (found) directories[item.name] = found->directory;
    }
  }

  static nlohmann::json table_of(const SideInput&) { return nullptr; }
  nlohmann::json table_of(const Input& input) const { return table_in_use(job_.spec, input); }

  // `field`: of the source.
  StoreInUse store_in_use(StoreUse use, const std::string& name, const Source& source,
                          const std::string& field) {
    StoreInUse store{use, name, source.store, {}, {}};
    if (overrides_.data_directory.empty()) problems_.add(field, "has no place for its objects");
    store.directory = overrides_.data_directory + (use == StoreUse::kInput       ? "/inputs/" + name
                                                   : use == StoreUse::kSideInput ? "/side-inputs/" + name
                                                   : use == StoreUse::kOutput    ? "/output"
                                                                                 : "/code/source");
    // A model that is one file shall keep its name.
    const std::string folder = store_folder_name(source.store);
    if (use == StoreUse::kSideInput && !folder.empty()) store.directory += "/" + folder;
    nlohmann::json& body = store.source.begin().value();
    const std::string kind = store.source.begin().key();
    if (body.contains("caCertificate") && body["caCertificate"].is_string()) {
      const std::string file = normal(folder_ / body["caCertificate"].get<std::string>());
      if (const std::string broken = broken_file(file); !broken.empty()) {
        problems_.add(child_path(child_path(field, kind), "caCertificate"),
                      fmt::format("the file {} {}", in_quotes(file), broken));
      }
      body["caCertificate"] = file;
    }
    for (const std::string& known : {name, store_secret(source.store)}) {
      const auto given = overrides_.credentials.find(known);
      if (given == overrides_.credentials.end()) continue;
      used_credentials_.insert(known);
      if (store.credentials.empty()) store.credentials = normal(given->second);
    }
    return store;
  }

  void refuse_unused_credentials() {
    std::vector<std::string> known;
    for (const StoreInUse& store : stores_) {
      known.push_back(store.name);
      if (const std::string secret = store_secret(store.source); !secret.empty()) known.push_back(secret);
    }
    for (const auto& [name, file] : overrides_.credentials) {
      if (used_credentials_.contains(name)) continue;
      const std::string hint =
          known.empty() ? "; nothing of the job lies in a store" : did_you_mean(name, known);
      problems_.add(
          "--credentials",
          fmt::format("{} is neither the name of an input or side input in a store nor of its Secret{}",
                      in_quotes(name), hint));
    }
  }

  void resolve_code() {
    const std::string& script = job_.spec.entry_script;
    const std::string* given = overrides_.source_directory ? &*overrides_.source_directory : nullptr;
    std::string where = "spec.entryScript";
    if (!job_.spec.source_directory && given == nullptr) {
      job_.script = normal(script);
    } else {
      Source source = job_.spec.source_directory.value_or(Source{});
      if (given == nullptr && source.store.is_object()) return resolve_fetched_code();
      const auto found = locate_readable(source, "spec.sourceDirectory", "--source-directory DIR", given,
                                         {"directory", broken_directory});
      if (!found) return;
      job_.source_directory = found->directory;
      if (script.starts_with('/')) {
        // A script of an image: on this machine the option says where its folder is.
        if (!lies_below(normal(script), found->directory)) {
          problems_.add(where, fmt::format("{} is not below {}, the directory of {}", in_quotes(script),
                                           in_quotes(found->directory), found->where));
          return;
        }
        job_.spec.entry_script =
            normal(script).substr(found->directory == "/" ? 1 : found->directory.size() + 1);
      }
      job_.spec.source_directory = std::move(source);
      job_.script = normal(fs::path(found->directory) / job_.spec.entry_script);
    }
    if (const std::string broken = broken_file(job_.script); !broken.empty()) {
      problems_.add(where, fmt::format("the script {} {}", in_quotes(job_.script), broken));
    }
    check_environment(job_.spec.environment);
  }

  // It is here already, and stays what the manifest says that it is.
  void resolve_fetched_code() {
    stores_.push_back(
        store_in_use(StoreUse::kCode, kSourceDirectory, *job_.spec.source_directory, "spec.sourceDirectory"));
    job_.source_directory = overrides_.fetched_code;
    job_.script = normal(fs::path(job_.source_directory) / job_.spec.entry_script);
    std::error_code error;
    if (!fs::is_regular_file(job_.script, error)) {
      problems_.add("spec.entryScript",
                    fmt::format("{} is no object below {}", in_quotes(job_.spec.entry_script),
                                store_address(job_.spec.source_directory->store)));
    }
    check_environment(job_.spec.environment);
  }

  void check_environment(const Environment& environment) {
    check_path("requirementsFile", environment.requirements_file, {"file", broken_file});
    check_path("wheels", environment.wheels, {"directory", broken_directory});
    if (!check_path("condaFile", environment.conda_file, {"file", broken_file})) return;
    const auto conda = read_conda_file(normal(fs::path(job_.source_directory) / environment.conda_file));
    if (!conda) problems_.add("spec.environment.condaFile", conda.error().message);
  }

  // Whether it is given, and what it has to be.
  bool check_path(const char* field, const std::string& path, const Kind& kind) {
    if (path.empty()) return false;
    const std::string place = normal(fs::path(job_.source_directory) / path);
    const std::string broken = kind.broken(place);
    if (broken.empty()) return true;
    problems_.add(std::string("spec.environment.") + field,
                  fmt::format("the {} {} {}", kind.noun, in_quotes(place), broken));
    return false;
  }

  void resolve_output() {
    const Source& source = job_.spec.output.source;
    if (!overrides_.output && source.store.is_object()) {
      stores_.push_back(store_in_use(StoreUse::kOutput, kOutputName, source, "spec.output.source"));
      job_.output_directory = stores_.back().directory;
      return;
    }
    const auto found = locate(job_.spec.output.source, "spec.output.source", "--output DIR",
                              overrides_.output ? &*overrides_.output : nullptr);
    if (!found) return;
    job_.output_directory = found->directory;
    // It may be missing; then the nearest folder above it is where it will be made.
    fs::path existing = found->directory;
    std::error_code error;
    while (existing.has_relative_path() && fs::status(existing, error).type() == fs::file_type::not_found) {
      existing = existing.parent_path();
    }
    const std::string place = existing.string();
    std::string broken;
    if (!fs::is_directory(existing, error)) {
      broken = "is not a directory";
    } else if (::access(place.c_str(), W_OK | X_OK) != 0) {
      broken = "cannot be written: " + std::generic_category().message(errno);
    }
    if (broken.empty()) return;
    const std::string what = place == found->directory
                                 ? fmt::format("the directory {} {}", in_quotes(place), broken)
                                 : fmt::format("the directory {} cannot be made: {} {}",
                                               in_quotes(found->directory), in_quotes(place), broken);
    problems_.add(found->where, what + "; choose another with --output DIR");
  }

  // The output below an input or below the code is fine (both leave it out); the other way round the job
  // would read what it writes.
  void keep_output_apart() {
    const std::string output = canonical(job_.output_directory);
    const auto check = [&](const std::string& field, const std::string& directory) {
      const std::string real = canonical(directory);
      if (real == output) {
        problems_.add(
            field,
            fmt::format("the directory {} is also the output directory; give the output another directory",
                        in_quotes(directory)));
      } else if (lies_in(real, output + "/logs") || lies_in(real, output + "/.parallelrun")) {
        problems_.add(field, fmt::format("the directory {} holds the runner's own files of the output "
                                         "directory; name another directory",
                                         in_quotes(directory)));
      }
    };
    for (std::size_t i = 0; i < job_.spec.inputs.size(); ++i) {
      check(child_path("spec.inputs", i), job_.input_directories[job_.spec.inputs[i].name]);
    }
    for (std::size_t i = 0; i < job_.spec.side_inputs.size(); ++i) {
      check(child_path("spec.sideInputs", i), job_.side_input_directories[job_.spec.side_inputs[i].name]);
    }
    if (!job_.source_directory.empty()) check("spec.sourceDirectory", job_.source_directory);
  }

  void check_machine() {
    if (job_.spec.node_count > kMostLocalNodes) {
      problems_.add("spec.nodeCount", fmt::format("{} is too many for one machine; it must be at most {}",
                                                  job_.spec.node_count, kMostLocalNodes));
    }
    for (std::size_t i = 0; i < job_.spec.environment.env.size(); ++i) {
      const nlohmann::json& item = job_.spec.environment.env[i];
      const std::string name = item.value("name", "");
      if (!item.contains("valueFrom") || item["valueFrom"].is_null()) continue;
      if (overrides_.environment_names.contains(name)) continue;
      problems_.add(
          child_path("spec.environment.env", i) + ".valueFrom",
          fmt::format(
              "exists only on a cluster; on this machine, set the variable before the start: export {}=...",
              name));
    }
  }

  void expand_arguments() {
    const PlaceholderDirectories directories{job_.input_directories, job_.side_input_directories,
                                             job_.output_directory};
    if (!problems_.empty()) return;  // directories are missing
    for (std::size_t i = 0; i < job_.spec.arguments.size(); ++i) {
      Result<std::string> expanded = expand_argument(job_.spec.arguments[i], directories);
      if (expanded.ok()) {
        job_.arguments.push_back(std::move(expanded).value());
      } else {
        problems_.add(child_path("spec.arguments", i), expanded.error().message);
      }
    }
  }

  // In the usual folder of a first job, manifest, data and output lie beside the script. None of them is
  // code: a new threshold or a grown output must not make it another job.
  void note_not_code(const std::string& path) {
    const std::string root = canonical(job_.source_directory);
    const std::string real = canonical(path);
    if (!lies_below(real, root) || lies_in(canonical(job_.script), real)) return;
    job_.not_code.push_back(fs::path(real).lexically_relative(root).string());
  }

  void hash_code() {
    if (!job_.source_directory.empty()) {
      if (manifest_ != job_.script) note_not_code(manifest_);
      note_not_code(job_.output_directory);
      for (const auto& [name, directory] : job_.input_directories) note_not_code(directory);
      for (const auto& [name, directory] : job_.side_input_directories) note_not_code(directory);
      std::sort(job_.not_code.begin(), job_.not_code.end());
      job_.not_code.erase(std::unique(job_.not_code.begin(), job_.not_code.end()), job_.not_code.end());
    }
    Result<SourceDigests> files = source_digests(job_);
    if (files.ok()) {
      job_.code_files = std::move(files->code);
      job_.other_files = std::move(files->other);
      job_.code_hash = code_hash(job_.code_files);
    } else {
      problems_.add(job_.source_directory.empty() ? "spec.entryScript" : "spec.sourceDirectory",
                    files.error().message);
    }
  }

  const LocalOverrides& overrides_;
  const std::string manifest_;
  const fs::path folder_;
  ResolvedJob job_;
  std::vector<StoreInUse> stores_;
  std::set<std::string> used_credentials_;
  Problems problems_;
};

}  // namespace

nlohmann::json table_in_use(const JobSpec& spec, const Input& input) {
  if (input.type != InputType::kTabular) return nullptr;
  return {{"miniBatchSize", spec.mini_batch_size},
          {"columns", declared_columns(input)},
          {"carried", spec.output.columns},
          {"partitionKeys", spec.partition_keys}};
}

bool uses_stores(const JobSpec& spec, const LocalOverrides& overrides) {
  const auto uses = [](const auto& named, const std::map<std::string, std::string>& given) {
    return std::any_of(named.begin(), named.end(), [&](const auto& item) {
      return item.source.store.is_object() && !given.contains(item.name);
    });
  };
  const bool code =
      spec.source_directory && spec.source_directory->store.is_object() && !overrides.source_directory;
  const bool output = spec.output.source.store.is_object() && !overrides.output;
  return code || output || uses(spec.inputs, overrides.inputs) ||
         uses(spec.side_inputs, overrides.side_inputs);
}

CodeInStore code_in_store(const JobSpec& spec, const LocalOverrides& overrides, const fs::path& manifest) {
  return LocalResolver(spec, overrides, manifest).code_in_store();
}

LocalResolution resolve(const JobSpec& spec, const LocalOverrides& overrides, const fs::path& manifest) {
  return LocalResolver(spec, overrides, manifest).run();
}

}  // namespace parallelrun
