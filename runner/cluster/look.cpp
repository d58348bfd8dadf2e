#include "runner/cluster/look.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "common/hash/sha256.h"
#include "common/json/members.h"
#include "common/openssl/base64.h"
#include "common/result/denied.h"
#include "common/result/try.h"
#include "common/text/presentable.h"
#include "runner/cluster/look_pod.h"

namespace parallelrun::cluster {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookAgain{300};
constexpr std::chrono::seconds kUntilSaid{5};      // a pod mostly comes up sooner
constexpr std::chrono::minutes kUntilRunning{3};   // an image may have to be fetched
constexpr std::chrono::seconds kUntilMounted{60};  // by a node that has failed to; it goes on trying
constexpr std::chrono::seconds kEventsAgain{3};
constexpr int kMostEvents = 50;
constexpr int kMostReconnects = 20;  // in a row, without a byte
constexpr int kLooksForEnd = 10;     // at the pod, once its log has ended
constexpr int kLateReads = 3;        // of a log of which something is missing

// A pod that goes in any case.
class PodOfOurs {
 public:
  PodOfOurs(Jobs& jobs, std::string name) : jobs_(jobs), name_(std::move(name)) {}
  // Deletes it. What cannot be deleted has a deadline of its own.
  ~PodOfOurs() { static_cast<void>(jobs_.remove_object("Pod", name_)); }
  PodOfOurs(const PodOfOurs&) = delete;
  PodOfOurs& operator=(const PodOfOurs&) = delete;

 private:
  Jobs& jobs_;
  std::string name_;
};

// Never generateName: a create may be sent twice.
std::string pod_name(const std::string& job) {
  std::random_device random;
  return fmt::format("{}-look-{:08x}", job, random());
}

const json* container_of(const json& pod) {
  const json& status = object_at(pod, "status");
  const auto list = status.find("containerStatuses");
  return list == status.end() || !list->is_array() || list->empty() ? nullptr : &list->front();
}

// Why the pod has not begun.
struct Hindrance {
  std::string words;   // empty: nothing is known
  bool final = false;  // no waiting mends it
};

// The word of a kubelet that a container waits for something that does not come by itself.
bool hopeless(const std::string& reason) {
  return reason == "InvalidImageName" || reason == "ErrImageNeverPull" ||
         reason == "CreateContainerConfigError" || reason == "CreateContainerError";
}

Hindrance hindrance_of(const json& container) {
  const json& state = object_at(container, "state");
  // What the container `data` has said when it ended. It is started again and again.
  for (const json* from : {&state, &object_at(container, "lastState")}) {
    std::string said = text_at(object_at(*from, "terminated"), "message");
    if (!said.empty()) return {std::move(said), true};
  }
  const json& waiting = object_at(state, "waiting");
  const std::string reason = text_at(waiting, "reason");
  if (reason.empty() || reason == "ContainerCreating" || reason == "PodInitializing") return {};
  return {reason + ": " + text_at(waiting, "message"), hopeless(reason)};
}

Hindrance hindrance(const json& pod) {
  const json& status = object_at(pod, "status");
  for (const char* list : {"initContainerStatuses", "containerStatuses"}) {
    const auto containers = status.find(list);
    if (containers == status.end() || !containers->is_array()) continue;
    for (const json& container : *containers) {
      if (Hindrance found = hindrance_of(container); !found.words.empty()) return found;
    }
  }
  const auto conditions = status.find("conditions");
  if (conditions == status.end() || !conditions->is_array()) return {};
  for (const json& condition : *conditions) {
    if (text_at(condition, "type") == "PodScheduled" && text_at(condition, "status") == "False")
      return {text_at(condition, "reason") + ": " + text_at(condition, "message")};
  }
  return {};
}

bool began(const json& pod) {
  const std::string phase = text_at(object_at(pod, "status"), "phase");
  return phase == "Running" || phase == "Succeeded" || phase == "Failed";
}

// The warning that is the newest word of a node about a pod of which its status says nothing: of volumes only
// Events tell. Who may not list them does without.
Hindrance warned(Jobs& jobs, const std::string& pod, std::chrono::steady_clock::duration waited) {
  const auto events = jobs.events("Pod", pod, kMostEvents);
  if (!events) return {};
  Hindrance found;
  std::string newest;
  for (const json& event : *events) {
    const std::string time = std::max(text_at(event, "lastTimestamp"), text_at(event, "eventTime"));
    if (time < newest) continue;
    newest = time;
    found = {};
    if (text_at(event, "type") != "Warning") continue;  // it went on
    const std::string reason = text_at(event, "reason");
    found = {reason + ": " + text_at(event, "message"), reason == "FailedMount" && waited > kUntilMounted};
  }
  return found;
}

// What else a user can do who may not, or cannot, have a pod that reads the store.
std::string by_own_means(const std::string& store) {
  return fmt::format(
      "fetch what lies in {} with credentials of your own into a directory (all but .parallelrun/log and "
      ".parallelrun/segments), and name that in place of the job",
      store);
}

Error no_start(const Look& what, const std::string& store, const std::string& why) {
  const std::string unknown =
      fmt::format("its node cannot mount the {} or fetch the image (`kubectl get events` may tell)",
                  store.empty() ? "volume" : "Secret");
  return {ErrorCode::kUnavailable,
          presentable(fmt::format(
              "a pod that {} the output of the job '{}' does not start: {}; {}",
              store.empty() ? "mounts" : "reads", what.job, why.empty() ? unknown : why,
              store.empty() ? "the volume may be in use on another node (ReadWriteOnce), or gone: mount it "
                              "yourself, and give its folder in place of the name"
                            : by_own_means(store))),
          false};
}

Status await_start(Jobs& jobs, Cancellation& interrupt, const Look& what, const std::string& store,
                   const std::string& name) {
  const auto began_at = Clock::now();
  auto events_at = began_at + kUntilSaid;
  Hindrance of_events;
  std::set<std::string> said;
  while (true) {
    ASSIGN_OR_RETURN(const json pod, jobs.get_object("Pod", name));
    if (began(pod)) return {};
    const auto waited = Clock::now() - began_at;
    Hindrance why = hindrance(pod);
    if (why.words.empty()) {
      if (Clock::now() > events_at) {
        of_events = warned(jobs, name, waited);
        events_at = Clock::now() + kEventsAgain;
      }
      why = of_events;
    }
    if (why.final || waited > kUntilRunning) return no_start(what, store, why.words);
    if (waited > kUntilSaid && said.insert(why.words).second) {
      what.say(presentable(fmt::format(
          "waiting for a pod that {} the output of '{}'{}{}", store.empty() ? "mounts" : "reads", what.job,
          store.empty() ? "" : " in " + store, why.words.empty() ? "" : " (" + why.words + ")")));
    }
    if (!interrupt.wait(kLookAgain)) return Error{ErrorCode::kAborted, "interrupted", false};
  }
}

// The log of the pod, as it was before it became lines of base64.
class Received {
 public:
  explicit Received(const Look& what) : what_(what) {}

  // A log is read from its beginning each time.
  void begin() { seen_ = 0; }
  bool line(std::string_view text) {
    const std::string bytes = from_base64(text);
    if (bytes.empty()) {
      if (stray_.empty()) stray_ = text.substr(0, 300);
      return true;
    }
    const std::uint64_t known = bytes_ > seen_ ? std::min<std::uint64_t>(bytes_ - seen_, bytes.size()) : 0;
    seen_ += bytes.size();
    const std::string_view fresh = std::string_view(bytes).substr(known);
    if (fresh.empty()) return true;
    hash_.update(fresh);
    bytes_ += fresh.size();
    wanted_ = what_.take(fresh);
    return wanted_;
  }

  std::uint64_t bytes() const { return bytes_; }
  bool wanted() const { return wanted_; }
  const std::string& stray() const { return stray_; }
  std::string digest() { return hash_.hex_digest(); }

 private:
  const Look& what_;
  Sha256 hash_;
  std::uint64_t bytes_ = 0;  // given to the caller
  std::uint64_t seen_ = 0;   // of this reading
  bool wanted_ = true;
  std::string stray_;  // a line that is not ours
};

std::optional<std::string> termination_message(const json& pod) {
  // The container `data` of the pod takes a moment longer.
  if (const json* container = container_of(pod)) {
    const json& state = object_at(*container, "state");
    if (state.contains("terminated")) return text_at(object_at(state, "terminated"), "message");
  }
  const std::string phase = text_at(object_at(pod, "status"), "phase");
  return phase == "Succeeded" || phase == "Failed" ? std::optional<std::string>("") : std::nullopt;
}

// What a kubelet says of a pod whose log has ended: its termination message. Nothing: it still runs after a
// while, so the log was cut off.
Result<std::optional<std::string>> await_end(Jobs& jobs, Cancellation& interrupt, const std::string& name) {
  for (int looks = 0; looks < kLooksForEnd; ++looks) {
    ASSIGN_OR_RETURN(const json pod, jobs.get_object("Pod", name));
    if (auto message = termination_message(pod)) return message;
    if (!interrupt.wait(kLookAgain)) return Error{ErrorCode::kAborted, "interrupted", false};
  }
  return std::optional<std::string>();
}

// Gives the termination message of the pod, whose log has been read until its end.
Result<std::string> read_all(Jobs& jobs, Cancellation& interrupt, const std::string& name,
                             Received& received) {
  for (int silent = 0;;) {
    const std::uint64_t before = received.bytes();
    received.begin();
    const Status read = jobs.follow_log(name, [&](std::string_view line) { return received.line(line); });
    if (!received.wanted()) return std::string();
    if (interrupt.requested()) return Error{ErrorCode::kAborted, "interrupted", false};
    if (!read && !read.error().retryable) return read.error();
    ASSIGN_OR_RETURN(const std::optional<std::string> message, await_end(jobs, interrupt, name));
    silent = received.bytes() == before ? silent + 1 : 0;
    if (message) {
      const auto end = look_end_from(*message);
      // The last of a log may come a moment after the end was said.
      if (!end || end->bytes == received.bytes() || silent > kLateReads) return *message;
    } else if (silent > kMostReconnects) {
      return read ? Error{ErrorCode::kUnavailable, "the pod's log ends, but the pod does not", false}
                  : read.error();
    }
  }
}

}  // namespace

Result<LookEnd> look(Jobs& jobs, Cancellation& interrupt, const Look& what) {
  ASSIGN_OR_RETURN(const json job, jobs.get(what.job));
  LookRequest request;
  request.pod = pod_name(what.job);
  request.verb = what.verb;
  request.arguments = what.arguments;
  request.mounts = what.mounts;
  if (what.follow_for.count() > 0) request.deadline = what.follow_for;
  // Who may not list pods can do without.
  const auto theirs = jobs.pods(what.job);
  ASSIGN_OR_RETURN(const json pod, look_pod(job, theirs ? theirs.value() : std::vector<json>{}, request));
  const std::string store = output_store_of(job);
  const PodOfOurs ours(jobs, request.pod);
  {
    const auto made = jobs.create_object(pod);
    // Sent twice, the second one finds the first.
    if (!made && made.error().code != ErrorCode::kConflict) {
      Error error = made.error();
      if (error.code == kDenied && !store.empty())
        error.message += presentable("; or " + by_own_means(store));
      return error;
    }
  }
  RETURN_IF_ERROR(await_start(jobs, interrupt, what, store, request.pod));
  Received received(what);
  ASSIGN_OR_RETURN(const std::string message, read_all(jobs, interrupt, request.pod, received));
  if (!received.wanted()) return LookEnd{};
  const std::optional<LookEnd> end = look_end_from(message);
  if (!end) {
    const std::string said = !received.stray().empty() ? received.stray() : message;
    return Error{
        ErrorCode::kUnavailable,
        presentable(fmt::format(
            "the pod that looks at the output of '{}' ended without a result: {}", what.job,
            said.empty() ? "it was killed, or the job's runner image is of a release without this verb"
                         : said)),
        false};
  }
  if (end->bytes != received.bytes() || end->sha256 != received.digest())
    return Error{ErrorCode::kCorrupt,
                 presentable(fmt::format(
                     "of {} bytes {} came: the node has rotated the pod's log away; ask for less, or {}",
                     end->bytes, received.bytes(),
                     store.empty() ? "mount the volume and give its folder in place of the name"
                                   : by_own_means(store))),
                 false};
  return *end;
}

}  // namespace parallelrun::cluster
