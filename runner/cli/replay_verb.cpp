// One mini-batch of a job of this machine again, alone and in the foreground: with the job's settings, data
// and Python environment, and with the code as it is now, so that a mend can be tried. Nothing is committed.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "common/json/compact_text.h"
#include "common/json/json.h"
#include "common/json/members.h"
#include "common/openssl/base64.h"
#include "common/posix/file_descriptor.h"
#include "common/posix/process_start.h"
#include "common/text/counted.h"
#include "common/text/presentable.h"
#include "runner/agent/environment_request.h"
#include "runner/agent/gpus.h"
#include "runner/agent/log_streams.h"
#include "runner/agent/python_environment.h"
#include "runner/agent/worker_config.h"
#include "runner/cli/code_fetch.h"
#include "runner/cli/job_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/manifest_argument.h"
#include "runner/cli/replay_data.h"
#include "runner/cli/run_here.h"
#include "runner/cli/shown.h"
#include "runner/cli/submitted_job.h"
#include "runner/cli/this_process.h"
#include "runner/cli/verbs.h"
#include "runner/input/descriptor_kind.h"
#include "runner/input/file_walk.h"
#include "runner/input/input_format.h"
#include "runner/job/contents.h"
#include "runner/job/identity.h"
#include "runner/job/local_resolution.h"
#include "runner/job/submission.h"
#include "runner/orchestrator/server/reuse.h"
#include "runner/orchestrator/stored_plan.h"
#include "runner/output/state_files.h"
#include "runner/plan/plan_file.h"
#include "runner/plan/posix_plan_storage.h"
#include "runner/plan/split.h"
#include "runner/plan/work_id.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The worker process uses numbers from 3 on.
constexpr int kFirstFreeDescriptor = 10;
constexpr std::size_t kMostNamed = 3;

struct GivenToReplay {
  std::string output;
  std::string mini_batch;
  std::string item;  // empty: all
  std::vector<std::string> overrides;
  std::vector<std::string> credentials;
  bool debug = false;
};

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "7", or "7.2" of a part. As `failed`, `errors` and the logs name it.
Result<WorkId> work_named(const std::string& text) {
  const std::size_t dot = text.find('.');
  const auto mini_batch = number_of<std::uint64_t>(std::string_view(text).substr(0, dot));
  const auto part = dot == std::string::npos
                        ? std::optional<std::uint32_t>(0)
                        : number_of<std::uint32_t>(std::string_view(text).substr(dot + 1));
  if (mini_batch && part) return WorkId{{*mini_batch}, *part};
  return Error{
      ErrorCode::kInvalidArgument,
      fmt::format("MINI-BATCH is '{}', but must be the number of a mini-batch, such as 7 (or 7.2 of a "
                  "part), as `parallelrun failed` names it",
                  text)};
}

// Reads as far as it must: the queue of a large job has millions of records.
Result<MiniBatch> planned(const std::string& output, std::uint64_t number) {
  auto storage = PosixPlanStorage::open_to_read(output + "/" + orchestrator::kPlanPath);
  if (!storage && storage.error().code == ErrorCode::kNotFound)
    return Error{ErrorCode::kNotFound, "no mini-batch of this job is planned yet"};
  if (!storage) return storage.error();
  const auto size = (*storage)->size();
  if (!size) return size.error();
  const PlanExtent all{*size, std::numeric_limits<std::uint64_t>::max(), 0, false};
  PlanReader reader(**storage);
  while (true) {
    auto next = reader.next(all);
    // A job that was killed, or that is at work, may have half a record at the end.
    if (!next && (next.error().code != ErrorCode::kCorrupt || reader.position().mini_batches == 0))
      return next.error();
    if (!next || !*next) break;
    if ((*next)->id.value == number) return std::move(**next);
  }
  const std::uint64_t planned = reader.position().mini_batches;
  if (planned == 0) return Error{ErrorCode::kNotFound, "no mini-batch of this job is planned yet"};
  return Error{ErrorCode::kNotFound,
               planned == 1 ? fmt::format("this job has no mini-batch {}; it has one, number 0", number)
                            : fmt::format("this job has no mini-batch {}; they are 0 to {}{}", number,
                                          planned - 1, reader.position().complete ? "" : " so far")};
}

// The files of a mini-batch in their order; empty: its items are no files.
std::vector<std::string> files_of(const MiniBatch& mini_batch, const InputFormat& format) {
  if (format.kind() != DescriptorKind::kFileSet) return {};
  const auto names = format.objects_of(mini_batch.descriptor);
  return names && names->has_value() ? **names : std::vector<std::string>();
}

// Which one of the items in `range` is meant: a number, or the end of a file's path.
Result<std::uint64_t> item_named(const std::string& text, const WorkId& work, const MiniBatch& mini_batch,
                                 ItemRange range, const InputFormat& format) {
  const std::vector<std::string> files = files_of(mini_batch, format);
  std::vector<std::string> shown;
  std::vector<std::uint64_t> found;
  for (std::uint64_t i = range.begin; i < range.end && i < files.size(); ++i) {
    if (shown.size() < kMostNamed) shown.push_back("'" + presentable(files[i]) + "'");
    const std::string path = "/" + files[i];
    if (path.ends_with("/" + text) || (text.starts_with('/') && text.ends_with(path))) found.push_back(i);
  }
  if (found.size() == 1) return found.front();
  const auto number = number_of<std::uint64_t>(text);
  // Where the number of items is known only to a worker, the format judges.
  if (found.empty() && number && (mini_batch.items == 0 || *number < range.size()))
    return range.begin + *number;
  std::string words = fmt::format("ITEM is '{}', but mini-batch {} has {}", text, to_string(work),
                                  counted(range.size(), "item"));
  if (found.size() > 1) words = fmt::format("ITEM '{}' is the name of {} files there", text, found.size());
  words += range.size() == 1 ? ", number 0" : fmt::format(", numbers 0 to {}", range.size() - 1);
  if (!shown.empty())
    words += fmt::format(": {}{}", fmt::join(shown, ", "), shown.size() < range.size() ? ", ..." : "");
  return Error{ErrorCode::kInvalidArgument, std::move(words)};
}

// A part of it, or one item alone.
Result<MiniBatch> narrowed(MiniBatch mini_batch, const WorkId& work, const std::string& item,
                           const InputFormat& format, const std::string& root) {
  ItemRange range = items_of_part(work.part, mini_batch.items);
  // A single item is not split further, and the whole has no number.
  const bool is_part = work.part > 1 && items_of_part(work.part / 2, mini_batch.items).size() > 1;
  if (work.part != 0 && mini_batch.items > 0 && !is_part)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("mini-batch {} has {}, and so no part {}", mini_batch.id.value,
                             counted(mini_batch.items, "item"), work.part)};
  if (!item.empty()) {
    const auto index = item_named(item, work, mini_batch, range, format);
    if (!index) return index.error();
    range = {*index, *index + 1};
  }
  auto part = format.part_of(mini_batch.descriptor, range, root);
  if (!part) return part.error();
  if (!*part)
    return Error{
        ErrorCode::kInvalidArgument,
        "the items of this mini-batch cannot be told apart before the script gets them; replay it as a "
        "whole"};
  mini_batch.items = (*part)->items;
  mini_batch.descriptor = std::move((*part)->descriptor);
  return mini_batch;
}

// The types that the job decided; null: its input has none.
json types_of(const std::string& output, std::uint32_t input) {
  const json all = read_state_json(output + "/" + kTypesPath);
  if (!all.is_array()) return {};
  for (const json& one : all) {
    if (one.is_object() && number_at(one, "input") == input) return one;
  }
  return {};
}

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
  const FileDescriptor low(::memfd_create("replay", MFD_CLOEXEC));
  FileDescriptor file(low ? ::fcntl(low.get(), F_DUPFD, kFirstFreeDescriptor) : -1);
  std::size_t done = 0;
  while (file && done < text.size()) {
    const ssize_t n = ::write(file.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) break;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  if (!file || done < text.size() || ::lseek(file.get(), 0, SEEK_SET) != 0)
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

// What is not as it was when the job ran. The output directory says what that was. Objects of a store are
// compared when they are fetched.
void tell_differences(const std::string& output, const ResolvedJob& job, const Input& input,
                      const MiniBatch& mini_batch, const InputFormat& format) {
  const json record = read_state_json(output + "/.parallelrun/job.json");
  if (const auto changed = differing_settings(object_at(record, "settings"), job); !changed.empty())
    note(fmt::format("the job ran with something else than what is here now: {}", fmt::join(changed, "; ")));
  if (!input.source.store.is_null()) return;
  // Nothing: of grouped records there is a copy, which the job has made.
  const auto objects = format.objects_of(mini_batch.descriptor);
  if (!objects || !objects->has_value()) return;
  const std::set<std::string> names((*objects)->begin(), (*objects)->end());
  auto changed = changed_since(output + "/" + kContentsPath, orchestrator::Reuse::input_part(input.name),
                               root_of_input(job, input), names);
  if (!changed) {
    note("whether the files of this mini-batch have changed is not known: " +
         (changed.error().code == ErrorCode::kNotFound ? "the job did not write down what they held"
                                                       : changed.error().message));
  } else if (!changed->empty()) {
    const std::size_t more = changed->size() - std::min(changed->size(), kMostNamed);
    changed->resize(changed->size() - more);
    note(fmt::format("since the job listed its inputs: {}{}", fmt::join(*changed, ", "),
                     more > 0 ? fmt::format(", and {} more", more) : ""));
  }
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

// `data`: null if nothing of the job lies in a store; then this process becomes that of the script.
int start(const ResolvedJob& job, const json& task, bool debug, ScratchFolder& scratch, ReplayData* data) {
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
  if (data == nullptr) return become(argv, of_script);
  scratch.hand_over();
  return data->run(argv, of_script);
}

int replay(const GivenToReplay& given) {
  const auto work = work_named(given.mini_batch);
  if (!work) return refuse(work.error().message, kExitInvalid);
  if (!read_job(given.output)) return kExitInvalid;
  const std::string output = normal_folder(given.output);
  const auto submitted = submitted_job(output, given.output);
  if (!submitted)
    return refuse(submitted.error().message + "; run its manifest again, and replay a mini-batch of that",
                  kExitInvalid);
  if (const auto words = withheld_in(*submitted, given.overrides)) return refuse(*words, kExitInvalid);
  const std::string shown = output + "/" + kSubmissionPath;
  const auto manifest = read_spec(submitted->document.dump(), shown, given.overrides);
  if (!manifest) return kExitInvalid;

  LocalOverrides overrides;
  overrides.environment_names = environment_names();
  std::vector<std::string> credentials = given.credentials;
  add_credentials_of(*submitted, credentials);
  if (!read_named("--credentials", "NAME=FILE", credentials, overrides.credentials)) return kExitInvalid;
  auto mini_batch = planned(output, work->mini_batch.value);
  if (!mini_batch) return refuse(mini_batch.error().message, kExitInvalid);
  if (mini_batch->input >= manifest->spec.inputs.size())
    return refuse(fmt::format("'{}/{}' is damaged: it names an input that the job does not have", output,
                              orchestrator::kPlanPath),
                  kExitInvalid);

  const auto scratch = ScratchFolder::make();
  if (!scratch) return refuse(scratch.error().message, kExitFailed);
  overrides.output = (*scratch)->path() + "/output";
  std::unique_ptr<ReplayData> data;
  if (uses_stores(manifest->spec, overrides)) {
    auto made = ReplayData::make();
    if (!made) return refuse(made.error().message, kExitFailed);
    data = std::move(*made);
    overrides.data_directory = data->directory();
    if (const auto refused = bring_code(manifest->spec, submitted->manifest, shown, overrides, note))
      return *refused;
  }
  const LocalResolution resolution = resolve(manifest->spec, overrides, submitted->manifest);
  if (!resolution.ok()) {
    print_problems(resolution.problems, shown);
    return kExitInvalid;
  }
  const ResolvedJob& job = resolution.job;
  const Input& input = job.spec.inputs[mini_batch->input];
  const auto format = open_format(input, job.spec.partition_keys);
  json types = types_of(output, mini_batch->input);
  if (types.is_null() && format->infers_types())
    return refuse(fmt::format("the job ended before it knew the column types of input '{}', so no mini-batch "
                              "of it was run; run the job again",
                              input.name),
                  kExitInvalid);
  if (const auto objects = format->objects_of(mini_batch->descriptor);
      objects && !objects->has_value() && !fs::exists(groups_directory(output, mini_batch->input)))
    return refuse(
        "the records of a job with partitionKeys are kept only while there is something to do with them; "
        "this "
        "job is complete without failed items, and so a mini-batch of it cannot be replayed",
        kExitInvalid);
  tell_differences(output, job, input, *mini_batch, *format);
  if (data) {
    if (const auto refused = data->begin(job.spec, resolution.stores)) return *refused;
  }
  if (work->part != 0 || !given.item.empty()) {
    auto part = narrowed(std::move(*mini_batch), *work, given.item, *format, root_of_input(job, input));
    if (!part) return refuse(part.error().message, kExitInvalid);
    *mini_batch = std::move(*part);
  }
  if (data) {
    auto here = data->fetch(*mini_batch, input, *format);
    if (!here)
      return refuse(here.error().message,
                    here.error().code == ErrorCode::kAborted ? kExitInterrupted : kExitFailed);
    mini_batch->descriptor = std::move(*here);
  }
  make_python_path_absolute();
  const json task = task_of(output, job, *mini_batch, std::move(types), (*scratch)->path());
  return start(job, task, given.debug, **scratch, data.get());
}

}  // namespace

Verb add_replay(CLI::App& program) {
  const auto given = std::make_shared<GivenToReplay>();
  CLI::App* verb = program.add_subcommand("replay",
                                          "run one mini-batch of a job of this machine again, here in the "
                                          "foreground, if you like under a debugger; "
                                          "the output directory stays as it is");
  verb->add_option("OUTPUT", given->output, "the output directory of the job")->required();
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
  verb->add_flag("--pdb", given->debug,
                 "stop at the first line of run() in Python's debugger, and again where the script raises");
  verb->footer(
      "Example: parallelrun replay results/digits 7 --pdb\n"
      "Exit codes: 0 if run() returned an element for each item; 1 if it raised, returned fewer, or could "
      "not be "
      "started; 2 if there is no such job or mini-batch, or its data is gone; 130 after Ctrl-C");
  return {verb, [given] { return replay(*given); }};
}

}  // namespace parallelrun
