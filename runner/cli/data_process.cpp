#include "runner/cli/data_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include "common/json/members.h"
#include "common/text/counted.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/job/store_variables.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr std::string_view kPrefix = "job";
constexpr int kMostDeaths = 5;
constexpr int kEvents = 3;  // the descriptor that ChildProcess gives
constexpr milliseconds kStopPatience{3'000};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

Status write_private(const std::string& file, const std::string& text) {
  const FileDescriptor fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return {};
  return Error{ErrorCode::kIo, "cannot write '" + file + "': " + std::strerror(errno)};
}

nlohmann::json config_of(const std::vector<StoreInUse>& stores, const std::string& cache) {
  nlohmann::json config = {{"cache", cache},
                           {"inputs", nlohmann::json::array()},
                           {"sideInputs", nlohmann::json::array()},
                           {"listedSideInputs", nlohmann::json::array()},
                           {"code", nullptr},
                           {"output", nullptr}};
  for (const StoreInUse& store : stores) {
    nlohmann::json one = {
        {"name", store.name}, {"source", store.source}, {"root", store.directory}, {"credentials", nullptr}};
    if (!store.credentials.empty()) one["credentials"] = store.credentials;
    if (!store.table.is_null()) one["table"] = store.table;
    if (!store.secret.empty()) one["secret"] = store.secret;
    if (!store.certificate.empty()) one["certificate"] = store.certificate;
    if (store.read_only) one["readOnly"] = true;
    if (store.use == StoreUse::kCode || store.use == StoreUse::kOutput) {
      config[store.use == StoreUse::kCode ? "code" : "output"] = std::move(one);
    } else {
      const char* list = store.use != StoreUse::kSideInput ? "inputs"
                         : store.only_listed               ? "listedSideInputs"
                                                           : "sideInputs";
      config[list].push_back(std::move(one));
    }
  }
  return config;
}

}  // namespace

Result<PrivateDirectory> make_data_directory() {
  std::string base = variable("PARALLELRUN_CACHE_DIR");
  if (base.empty()) {
    std::string cache = variable("XDG_CACHE_HOME");
    if (!cache.starts_with('/')) cache = variable("HOME") + "/.cache";
    base = cache + "/parallelrun/objects";
  }
  std::error_code error;
  base = fs::absolute(base, error).lexically_normal().string();
  while (base.size() > 1 && base.ends_with('/')) base.pop_back();
  if (!error) fs::create_directories(base, error);
  const std::string way_out = "; set PARALLELRUN_CACHE_DIR to a folder that can be written";
  if (error) {
    return Error{ErrorCode::kIo,
                 fmt::format("the folder '{}', where the objects of stores become files, cannot be "
                             "made: {}{}",
                             base, error.message(), way_out)};
  }
  PrivateDirectory::remove_abandoned(base, kPrefix);
  Result<PrivateDirectory> made = PrivateDirectory::make(base, kPrefix);
  if (!made) return Error{ErrorCode::kIo, made.error().message + way_out};
  return made;
}

std::vector<std::string> environment_without_credentials(const JobSpec& spec,
                                                         const std::vector<StoreInUse>& stores,
                                                         std::vector<std::string>& withheld) {
  std::vector<nlohmann::json> of_environment;
  for (const StoreInUse& store : stores) {
    if (store.credentials.empty()) of_environment.push_back(store.source);
  }
  const auto names = withheld_variables(spec, of_environment);
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    if (names.contains(name)) {
      withheld.emplace_back(name);
    } else {
      out.emplace_back(text);
    }
  }
  std::sort(withheld.begin(), withheld.end());
  return out;
}

std::string withheld_in_words(const std::vector<std::string>& withheld) {
  return fmt::format(
      "note: the script does not get {}, whose credentials the job's stores use; what the script needs "
      "itself "
      "can be set in spec.environment",
      fmt::join(withheld, ", "));
}

Status DataProcess::start(const std::vector<StoreInUse>& stores) {
  std::error_code error;
  for (const StoreInUse& store : stores) {
    // A side input may become a file.
    const fs::path directory(store.directory);
    const bool folder_itself = store.use == StoreUse::kInput || store.use == StoreUse::kOutput;
    const fs::path folder = folder_itself ? directory : directory.parent_path();
    fs::create_directories(folder, error);
    if (error) return Error{ErrorCode::kIo, "cannot make '" + folder.string() + "': " + error.message()};
  }
  const Status written = write_private(run_directory_ + "/data.json", config_of(stores, cache_).dump());
  return written ? launch() : written;
}

std::optional<int> DataProcess::begin(const std::vector<StoreInUse>& stores, const SignalQueue& stop,
                                      const std::function<void(const std::string&)>& say) {
  if (const Status started = start(stores); !started) return refuse(started.error().message, kExitFailed);
  while (true) {
    const State state = wait(stop.descriptor(), say);
    if (state == State::kReady) return std::nullopt;
    if (state == State::kFailed) return refuse(failure_, refused_ ? kExitInvalid : kExitFailed);
    if (stop.take() != 0) return kExitInterrupted;
  }
}

Status DataProcess::launch() {
  std::error_code ignored;
  fs::remove(socket(), ignored);
  events_ = std::make_unique<EventStream>();
  events_ended_ = false;
  auto started = ChildProcess::start(
      {.command = {program_, "data", "--config", run_directory_ + "/data.json", "--socket", socket(),
                   "--events-fd", std::to_string(kEvents), "--parent", std::to_string(getpid())},
       .inherited_descriptor = events_->writer()});
  events_->close_writer();
  if (!started) return started.error();
  child_ = std::move(*started);
  silence_.reset();
  stood_still_ = false;
  state_ = State::kStarting;
  return {};
}

void DataProcess::watch(std::vector<pollfd>& watched) const {
  if (events_ && !events_ended_) watched.push_back({events_->reader(), POLLIN, 0});
  if (child_) watched.push_back({child_->descriptor(), POLLIN, 0});
}

int DataProcess::most_wait() const {
  if (!child_ || !silence_) return -1;
  return static_cast<int>(milliseconds(Silence::kLook).count());
}

void DataProcess::take_events(std::vector<std::string>& notes) {
  if (!events_ || events_ended_) return;
  for (nlohmann::json& event : events_->take(events_ended_)) {
    const std::string kind = text_at(event, "event");
    if (silence_) silence_->heard(std::chrono::steady_clock::now());
    if (kind == "alive") {
      if (!silence_) silence_.emplace(std::chrono::steady_clock::now());
    } else if (kind == "ready") {
      state_ = State::kReady;
      was_ready_ = true;
    } else if (kind == "note") {
      notes.push_back(text_at(event, "message"));
    } else if (kind == "counts") {
      if (count_at(event, "objects") > count_at(counts_, "objects")) deaths_ = 0;
      counts_ = std::move(event);
    } else if (kind == "failed") {
      state_ = State::kFailed;
      failure_ = text_at(event, "message");
      const std::string why = text_at(event, "kind");
      refused_ = why == "invalid" || why == "denied" || why == "missing";
    }
  }
}

void DataProcess::kill_if_silent() {
  if (!silence_ || !silence_->too_long(std::chrono::steady_clock::now())) return;
  silence_.reset();
  stood_still_ = true;
  child_->kill_group();
}

DataProcess::State DataProcess::take(std::vector<std::string>& notes) {
  take_events(notes);
  if (!child_) return state_;
  kill_if_silent();
  const auto ended = child_->try_reap();
  if (!ended) return state_;
  take_events(notes);  // its last words
  child_.reset();
  if (state_ == State::kFailed) return state_;
  const std::string how =
      stood_still_ ? fmt::format("stood still and was killed after {} without a sign of life",
                                 counted(static_cast<std::uint64_t>(Silence::kMost.count()), "second"))
                   : ended->with_verb();
  if (!was_ready_ || ++deaths_ > kMostDeaths) {
    state_ = State::kFailed;
    failure_ = was_ready_ ? fmt::format(
                                "the process that reads object stores ended {} without progress. The last "
                                "end: it {}",
                                counted(deaths_, "time"), how)
                          : "the process that reads object stores " + how;
    return state_;
  }
  notes.push_back(fmt::format("the process that reads object stores {}: it is started again", how));
  earlier_.push_back(std::exchange(counts_, nlohmann::json::object()));
  if (const Status again = launch(); !again) {
    state_ = State::kFailed;
    failure_ = again.error().message;
  }
  return state_;
}

DataProcess::State DataProcess::wait(int stop, const std::function<void(const std::string&)>& say) {
  std::vector<pollfd> watched = {{stop, POLLIN, 0}};
  watch(watched);
  poll(watched.data(), watched.size(), most_wait());
  std::vector<std::string> notes;
  const State state = take(notes);
  for (const std::string& note : notes) say(note);
  return state;
}

void DataProcess::stop() {
  if (!child_) return;
  child_->signal(SIGTERM);
  pollfd ended{child_->descriptor(), POLLIN, 0};
  ::poll(&ended, 1, static_cast<int>(kStopPatience.count()));
  std::vector<std::string> nobody_listens;
  take_events(nobody_listens);
  child_.reset();
}

std::uint64_t DataProcess::sum(const char* count) const {
  std::uint64_t total = count_at(counts_, count);
  for (const nlohmann::json& earlier : earlier_) total += count_at(earlier, count);
  return total;
}

std::string DataProcess::summary() const {
  if (!was_ready_) return {};
  std::uint64_t most = count_at(counts_, "mostCacheBytes");
  for (const nlohmann::json& earlier : earlier_) most = std::max(most, count_at(earlier, "mostCacheBytes"));
  const std::uint64_t others = sum("otherSnapshots");
  const std::string of_others = others == 0
                                    ? ""
                                    : fmt::format("; {} read from another state of the database than planned",
                                                  counted(others, "mini-batch"));
  return fmt::format(
      "stores: {} fetched, {}, at most {} at a time; {} tried again ({} throttled, {} server errors, {} cut "
      "or "
      "unreachable, {} with refused credentials){}",
      counted(sum("objects"), "object"), counted(sum("bytes"), "byte"), counted(most, "byte"),
      counted(retries(), "request"), sum("throttled"), sum("server"), sum("cut"), sum("denied"), of_others);
}

}  // namespace parallelrun
