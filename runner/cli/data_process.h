// The process that has the credentials of stores, as the launcher sees it, and in a pod `pod-data`: started
// before the job, started again when it dies or stands still, stopped after it. One for a job and machine or
// pod.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/posix/private_directory.h"
#include "common/posix/signal_queue.h"
#include "common/result/result.h"
#include "common/spec/job_spec.h"
#include "runner/cli/child_process.h"
#include "runner/cli/silence.h"
#include "runner/events/event_stream.h"
#include "runner/job/local_resolution.h"

namespace parallelrun {

// Where objects become files: $PARALLELRUN_CACHE_DIR, else ${XDG_CACHE_HOME:-~/.cache}/parallelrun/objects.
// What killed runs have left there is removed. Errors: kIo, naming the folder and the way out.
Result<PrivateDirectory> make_data_directory();

// The environment of all other processes of the job, "NAME=value": ours without the variables that give the
// credentials of a store which is used with those of the environment. What spec.environment.env asks for by
// name stays. `withheld` gets the names that are set and left out.
std::vector<std::string> environment_without_credentials(const JobSpec& spec,
                                                         const std::vector<StoreInUse>& stores,
                                                         std::vector<std::string>& withheld);
// What the user is told of these names: "note: the script does not get ...".
std::string withheld_in_words(const std::vector<std::string>& withheld);

class DataProcess {
 public:
  enum class State { kStarting, kReady, kFailed };

  // `program`: the `parallelrun` that starts it. The socket and the configuration lie in `run_directory`.
  DataProcess(std::string program, std::string run_directory, std::string cache_directory)
      : program_(std::move(program)),
        run_directory_(std::move(run_directory)),
        cache_(std::move(cache_directory)) {}

  std::string socket() const { return run_directory_ + "/data.sock"; }

  // Errors: kIo, and those of ChildProcess::start.
  Status start(const std::vector<StoreInUse>& stores);
  // The same for who waits for nothing else, and until it is ready. An exit code: it is not, and that has
  // been said on standard error, or a signal came. `say` gets sentences for people.
  std::optional<int> begin(const std::vector<StoreInUse>& stores, const SignalQueue& stop,
                           const std::function<void(const std::string&)>& say);
  void watch(std::vector<pollfd>& watched) const;
  // How long to wait for what watch() adds, before take() is due anyway; -1: without an end.
  int most_wait() const;
  // Takes what it has said, kills it where it has been silent for too long, and starts it again where it has
  // died after it was ready. Sentences for people are added to `notes`.
  State take(std::vector<std::string>& notes);
  // For who waits for nothing else: until it has said something or `stop` can be read, then take().
  State wait(int stop, const std::function<void(const std::string&)>& say);
  const std::string& failure() const { return failure_; }
  // Whether it failed because of what the user gave: a refusal of the job, not a failure.
  bool refused() const { return refused_; }
  // Ends it. Afterwards summary() is whole.
  void stop();
  // What was fetched and tried again, in one line for the driver log; empty: it never was ready.
  std::string summary() const;
  std::uint64_t retries() const { return sum("retries"); }

 private:
  Status launch();
  void take_events(std::vector<std::string>& notes);
  void kill_if_silent();
  std::uint64_t sum(const char* count) const;

  std::string program_;
  std::string run_directory_;
  std::string cache_;
  std::unique_ptr<EventStream> events_;
  bool events_ended_ = true;
  std::optional<ChildProcess> child_;
  std::optional<Silence> silence_;  // since its first beat: before that it installs what it needs
  bool stood_still_ = false;        // and was killed
  State state_ = State::kStarting;
  bool was_ready_ = false;
  bool refused_ = false;
  std::string failure_;
  int deaths_ = 0;  // since it fetched something
  nlohmann::json counts_ = nlohmann::json::object();
  std::vector<nlohmann::json> earlier_;  // counts of those that died
};

}  // namespace parallelrun
