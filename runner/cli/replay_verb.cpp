// One mini-batch of a job again, alone and in the foreground of this machine: with the job's settings, data
// and Python environment, and with code in which a fix can be tried. Nothing is committed.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/json/compact_text.h"
#include "common/json/json.h"
#include "common/json/members.h"
#include "common/openssl/base64.h"
#include "common/posix/file_descriptor.h"
#include "common/posix/memory_file.h"
#include "common/posix/process_start.h"
#include "common/posix/signal_queue.h"
#include "common/result/try.h"
#include "runner/agent/environment_request.h"
#include "runner/agent/gpus.h"
#include "runner/agent/log_streams.h"
#include "runner/agent/python_environment.h"
#include "runner/agent/worker_config.h"
#include "runner/cli/cluster_replay.h"
#include "runner/cli/code_fetch.h"
#include "runner/cli/foreground.h"
#include "runner/cli/job_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/manifest_argument.h"
#include "runner/cli/replay_data.h"
#include "runner/cli/replayed_work.h"
#include "runner/cli/run_here.h"
#include "runner/cli/shown.h"
#include "runner/cli/submitted_job.h"
#include "runner/cli/this_process.h"
#include "runner/cli/verbs.h"
#include "runner/input/file_walk.h"
#include "runner/input/input_format.h"
#include "runner/job/identity.h"
#include "runner/job/local_resolution.h"
#include "runner/job/submission.h"
#include "runner/orchestrator/stored_plan.h"
#include "runner/plan/work_id.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The worker process uses numbers from 3 on.
constexpr int kFirstFreeDescriptor = 10;
constexpr std::uint64_t kBytesOfMebibyte = std::uint64_t{1} << 20U;

struct GivenToReplay {
  JobArgument job;
  std::string mini_batch;
  std::string item;  // empty: all
  std::vector<std::string> overrides;
  std::vector<std::string> credentials;
  std::vector<std::string> inputs;
  std::vector<std::string> side_inputs;
  std::string source_directory;
  std::uint64_t limit = 64;  // MiB
  bool debug = false;
};

std::vector<std::string> variables_of_this_process() {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) out.emplace_back(*entry);
  return out;
}

Result<agent::PythonEnvironment> environment_of(const ResolvedJob& job, const std::string& programs,
                                                const std::vector<std::string>& inherited) {
  boost::asio::io_context io;
  agent::LogStreams streams;
  std::optional<Result<agent::PythonEnvironment>> made;
  agent::prepare_environment(
      io, agent::environment_request(job, inherited, {programs, programs + "/parallelrun-exec"}),
      streams.stream("environment"),
      [&made](Result<agent::PythonEnvironment> environment) { made.emplace(std::move(environment)); });
  io.run();
  if (!made) return Error{ErrorCode::kIo, "the Python environment could not be prepared"};
  return std::move(*made);
}

// A file without a name, whose descriptor the program to come inherits.
Result<FileDescriptor> in_memory(const std::string& text) {
  ASSIGN_OR_RETURN(const FileDescriptor low, memory_file("replay", text));
  FileDescriptor file(::fcntl(low.get(), F_DUPFD, kFirstFreeDescriptor));
  if (!file)
    return Error{ErrorCode::kIo, fmt::format("cannot hand the mini-batch on: {}", std::strerror(errno))};
  return file;
}

// In the place of the job's output directory, which must not change. The destructor removes it: a script that
// is started does so itself, unless it has written something there.
class ScratchFolder {
 public:
  static Result<std::unique_ptr<ScratchFolder>> make() {
    std::error_code error;
    std::string path = (fs::temp_directory_path(error) / "parallelrun-replay-XXXXXX").string();
    if (error || ::mkdtemp(path.data()) == nullptr) {
      return Error{ErrorCode::kIo, fmt::format("cannot make a folder for what the script writes, '{}': {}",
                                               path, error ? error.message() : std::strerror(errno))};
    }
    return std::unique_ptr<ScratchFolder>(new ScratchFolder(std::move(path)));
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }
  // From here on a script's process looks after it.
  void hand_over() { path_.clear(); }

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Ends only where the script could not be started.
int become(const std::vector<std::string>& argv, const std::vector<std::string>& environment) {
  ::execve(argv.front().c_str(), exec_pointers(argv).data(), exec_pointers(environment).data());
  return refuse(fmt::format("cannot start '{}': {}", argv.front(), std::strerror(errno)), kExitFailed);
}

void note(const std::string& words) { refuse("note: " + words, 0); }

std::string root_of_input(const ResolvedJob& job, const Input& input) {
  const auto directory = job.input_directories.find(input.name);
  return directory == job.input_directories.end() ? std::string() : FileWalk::root_of(directory->second);
}

// A job of this machine or of a cluster, as far as they differ.
struct Replayed {
  JobSpec spec;
  std::string manifest = "-";  // its path, where `local` places are relative to it
  std::string shown;           // for messages
  std::string state;           // the output directory, or what came of one
  MiniBatch mini_batch;
  json types;
  LocalOverrides overrides;
  std::optional<FetchedReplay> fetched;  // of a cluster; lives as long as the script
};

// What is not as it was when the job ran. The output directory says what that was. Objects of a store are
// compared when they are fetched, and files of a cluster's volumes there.
void tell_differences(const Replayed& replayed, const ResolvedJob& job, const Input& input,
                      const InputFormat& format) {
  const json record = read_state_json(replayed.state + "/.parallelrun/job.json");
  auto changed =
      differing_settings(replayed.fetched ? replayed.fetched->settings : object_at(record, "settings"), job);
  // In a cluster everything else lies elsewhere.
  if (replayed.fetched) std::erase_if(changed, [](const auto& one) { return !one.starts_with("code:"); });
  if (!changed.empty())
    note(fmt::format("the job ran with something else than what is here now: {}", fmt::join(changed, "; ")));
  if (replayed.fetched || !input.source.store.is_null()) return;
  const std::string words =
      changes_since(replayed.state, input.name, root_of_input(job, input), replayed.mini_batch, format);
  if (!words.empty()) note(words);
}

// What the worker process is told (runner/python/parallelrun_worker/replay.py).
json task_of(const std::string& output, const ResolvedJob& job, const MiniBatch& mini_batch, json types,
             const std::string& scratch) {
  json config = json::parse(agent::worker_config(job, "replay", 0, scratch + "/logs"));
  for (std::size_t i = 0; i < config["inputs"].size(); ++i) {
    if (config["inputs"][i].contains("groups")) config["inputs"][i]["groups"] = groups_directory(output, i);
  }
  return {{"config", std::move(config)},
          {"inputInfo", std::move(types)},
          {"miniBatch", mini_batch.id.value},
          {"input", mini_batch.input},
          {"descriptor", base64(mini_batch.descriptor)},
          {"scratch", scratch}};
}

// `data`: null if nothing of the job lies in a store. If nothing was fetched at all, this process becomes
// that of the script: nobody has to put anything away.
int start(const ResolvedJob& job, const json& task, bool debug, ScratchFolder& scratch, ReplayData* data,
          bool fetched) {
  const std::string programs = fs::path(this_program()).parent_path().string();
  const std::vector<std::string> inherited =
      data != nullptr ? data->environment() : variables_of_this_process();
  const auto environment = environment_of(job, programs, inherited);
  if (!environment) return refuse(environment.error().message, kExitFailed);
  auto file = in_memory(compact_text(task));
  if (!file) return refuse(file.error().message, kExitFailed);
  agent::VariablesOfAgent variables{inherited, programs + "/python", environment->python};
  variables.gpus = agent::find_gpu_devices();
  std::vector<std::string> argv{environment->python, programs + "/python/parallelrun_worker/__main__.py",
                                "--replay", std::to_string(file->get())};
  if (debug) argv.emplace_back("--pdb");
  const std::vector<std::string> of_script = agent::worker_environment(job.spec, variables, 0).variables;
  if (data == nullptr && !fetched) return become(argv, of_script);
  scratch.hand_over();
  if (data != nullptr) return run_in_foreground(argv, of_script, data->signals());
  SignalQueue stop{SIGINT, SIGTERM, SIGHUP};
  return run_in_foreground(argv, of_script, stop);
}

// An exit code: it cannot be replayed, and that has been said.
std::optional<int> find_here(const GivenToReplay& given, const WorkId& work, Replayed& replayed) {
  if (!read_job(
          given.job.job,
          "its mini-batches are known to the log there alone: run the job on this machine with --output "
          "DIR, and replay from DIR"))
    return kExitInvalid;
  replayed.state = normal_folder(given.job.job);
  const auto submitted = submitted_job(replayed.state, given.job.job);
  if (!submitted)
    return refuse(submitted.error().message + "; run its manifest again, and replay a mini-batch of that",
                  kExitInvalid);
  if (const auto words = withheld_in(*submitted, given.overrides)) return refuse(*words, kExitInvalid);
  replayed.shown = replayed.state + "/" + kSubmissionPath;
  auto manifest = read_spec(submitted->document.dump(), replayed.shown, given.overrides);
  if (!manifest) return kExitInvalid;
  replayed.spec = std::move(manifest->spec);
  replayed.manifest = submitted->manifest;
  std::vector<std::string> credentials = given.credentials;
  add_credentials_of(*submitted, credentials);
  if (!read_named("--credentials", "NAME=FILE", credentials, replayed.overrides.credentials))
    return kExitInvalid;
  auto mini_batch = planned(replayed.state, work.mini_batch.value);
  if (!mini_batch) return refuse(mini_batch.error().message, kExitInvalid);
  replayed.mini_batch = std::move(*mini_batch);
  replayed.types = types_of_input(replayed.state, replayed.mini_batch.input);
  return std::nullopt;
}

std::optional<int> find_in_cluster(const GivenToReplay& given, Replayed& replayed) {
  if (!read_named("--credentials", "NAME=FILE", given.credentials, replayed.overrides.credentials))
    return kExitInvalid;
  replayed.shown = "the job '" + given.job.job + "'";
  FetchedReplay& fetched = replayed.fetched.emplace();
  const ClusterReplay what{given.job, given.mini_batch, given.item, given.overrides,
                           given.limit * kBytesOfMebibyte};
  if (const auto refused = fetch_replay(what, replayed.overrides, fetched)) return refused;
  for (const std::string& words : fetched.notes) note(words);
  replayed.spec = fetched.spec;
  replayed.state = fetched.state;
  replayed.mini_batch = fetched.mini_batch;
  replayed.types = fetched.types;
  if (!replayed.spec.environment.image.empty())
    note(fmt::format("the script runs with the Python of this machine, not in the image '{}'",
                     replayed.spec.environment.image));
  return std::nullopt;
}

int replay(const GivenToReplay& given) {
  const auto work = work_named(given.mini_batch);
  if (!work) return refuse(work.error().message, kExitInvalid);
  Replayed replayed;
  LocalOverrides& overrides = replayed.overrides;
  overrides.environment_names = environment_names();
  if (!read_folders(given.inputs, given.side_inputs, overrides.inputs, overrides.side_inputs))
    return kExitInvalid;
  if (!given.source_directory.empty()) overrides.source_directory = given.source_directory;
  if (const auto refused =
          given.job.in_cluster() ? find_in_cluster(given, replayed) : find_here(given, *work, replayed))
    return *refused;
  MiniBatch& mini_batch = replayed.mini_batch;
  if (mini_batch.input >= replayed.spec.inputs.size())
    return refuse(fmt::format("'{}/{}' is damaged: it names an input that the job does not have",
                              replayed.state, orchestrator::kPlanPath),
                  kExitInvalid);

  const auto scratch = ScratchFolder::make();
  if (!scratch) return refuse(scratch.error().message, kExitFailed);
  overrides.output = (*scratch)->path() + "/output";
  std::unique_ptr<ReplayData> data;
  if (uses_stores(replayed.spec, overrides)) {
    auto made = ReplayData::make();
    if (!made) return refuse(made.error().message, kExitFailed);
    data = std::move(*made);
    overrides.data_directory = data->directory();
    if (const auto refused = bring_code(replayed.spec, replayed.manifest, replayed.shown, overrides, note))
      return *refused;
  }
  const LocalResolution resolution = resolve(replayed.spec, overrides, replayed.manifest);
  if (!resolution.ok()) {
    print_problems(resolution.problems, replayed.shown);
    return kExitInvalid;
  }
  const ResolvedJob& job = resolution.job;
  const Input& input = job.spec.inputs[mini_batch.input];
  const auto format = open_format(input, job.spec.partition_keys);
  if (replayed.types.is_null() && format->infers_types())
    return refuse(fmt::format("the job ended before it knew the column types of input '{}', so no mini-batch "
                              "of it was run; run the job again",
                              input.name),
                  kExitInvalid);
  if (const Status there = check_groups(replayed.state, mini_batch, *format); !there)
    return refuse(
        replayed.fetched
            ? fmt::format("the job has grouped the records of input '{}', which lies in a store, in its "
                          "output, and those are not fetched; run the job on this machine "
                          "(parallelrun run), and replay a mini-batch of that",
                          input.name)
            : there.error().message,
        kExitInvalid);
  tell_differences(replayed, job, input, *format);
  if (data) {
    if (const auto refused = data->begin(job.spec, resolution.stores)) return *refused;
  }
  if ((work->part != 0 || !given.item.empty()) && !(replayed.fetched && replayed.fetched->narrowed)) {
    auto part = narrowed(std::move(mini_batch), *work, given.item, *format, root_of_input(job, input));
    if (!part) return refuse(part.error().message, kExitInvalid);
    mini_batch = std::move(*part);
  }
  if (data) {
    auto here = data->fetch(mini_batch, input, *format);
    if (!here)
      return refuse(here.error().message,
                    here.error().code == ErrorCode::kAborted ? kExitInterrupted : kExitFailed);
    mini_batch.descriptor = std::move(*here);
  }
  make_python_path_absolute();
  const json task = task_of(replayed.state, job, mini_batch, replayed.types, (*scratch)->path());
  return start(job, task, given.debug, **scratch, data.get(), replayed.fetched.has_value());
}

}  // namespace

Verb add_replay(CLI::App& program) {
  const auto given = std::make_shared<GivenToReplay>();
  CLI::App* verb = program.add_subcommand("replay",
                                          "run one mini-batch of a job again, here in the foreground, if you "
                                          "like under a debugger; the job's output stays as it is");
  add_job_argument(*verb, given->job);
  verb->add_option("MINI-BATCH", given->mini_batch,
                   "its number, as `parallelrun failed` names it; 7.2 is part 2 of mini-batch 7")
      ->required();
  verb->add_option(
      "ITEM", given->item,
      "one of its items alone: its number from 0, or the name of its file; default: all of them");
  verb->add_option(
      "--set", given->overrides,
      "FIELD=VALUE: another value for a field of spec, or one that is not kept since it may be a "
      "secret, such as --set environment.variables.TOKEN=VALUE");
  verb->add_option("--credentials", given->credentials,
                   "NAME=FILE: the keys of a store, as for run; default: the files that the job was given");
  verb->add_option("--input", given->inputs, "NAME=DIR: a folder of this machine in place of an input");
  verb->add_option("--side-input", given->side_inputs,
                   "NAME=DIR: a folder of this machine in place of a side input");
  verb->add_option("--source-directory", given->source_directory,
                   "DIR: the code, for example with a fix; default: of a directory the code as it is now, of "
                   "a job in a cluster the code that it has there");
  verb->add_option("--limit", given->limit,
                   "MiB of a cluster's volumes that may be fetched: files of the mini-batch, side inputs and "
                   "code; default 64")
      ->check(CLI::Range(1, 16384));
  verb->add_flag("--pdb", given->debug,
                 "stop at the first line of run() in Python's debugger, and again where the script raises");
  verb->footer(
      "Example: parallelrun replay results/digits 7 --pdb\n"
      "         parallelrun replay digits 7 -n team --source-directory .\n"
      "Exit codes: 0 if run() returned an element for each item; 1 if it raised, returned fewer, or could "
      "not be "
      "started; 2 if there is no such job or mini-batch, or its data is gone; 130 after Ctrl-C");
  return {verb, [given] { return replay(*given); }};
}

}  // namespace parallelrun
