#include "operator/controller/event_recorder.h"

#include <algorithm>
#include <utility>

#include "common/hash/sha256.h"
#include "common/json/members.h"
#include "operator/controller/clock.h"
#include "operator/controller/pod_record.h"
#include "operator/controller/resources.h"

namespace parallelrun::op {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr std::size_t kLongestNote = 1024;   // bytes; the API's limit
constexpr std::size_t kLongestReason = 128;  // the API's limit
constexpr std::size_t kNameHash = 16;        // hexadecimal digits
constexpr std::size_t kRememberedNames = 10'000;
constexpr kube::Duration kLastWords = 2s;

// At most `limit` bytes, ending between two characters.
std::string shortened(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "...";
}

}  // namespace

bool EventBudget::take(const std::string& object, kube::Time now) {
  const double refill = static_cast<double>(options_.refill.count());
  const auto tokens = [&](const Bucket& bucket) {
    return std::min(options_.burst, bucket.tokens + static_cast<double>((now - bucket.at).count()) / refill);
  };
  // A full bucket is like none.
  if (now - swept_ > options_.refill) {
    swept_ = now;
    std::erase_if(buckets_, [&](const auto& entry) { return tokens(entry.second) >= options_.burst; });
  }
  Bucket& bucket = buckets_.try_emplace(object, Bucket{options_.burst, now}).first->second;
  bucket = {tokens(bucket), now};
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

json event_object(const json& job, const JobEvent& event, const std::string& instance, kube::WallTime now) {
  const json& metadata = object_at(job, "metadata");
  const std::string type = event.warning ? "Warning" : "Normal";
  const std::string note = shortened(event.message, kLongestNote);
  const std::string content = text_at(metadata, "uid") + '\n' + type + '\n' + event.reason.text() + '\n' +
                              (event.same_as.empty() ? event.message : event.same_as);
  return {{"apiVersion", "events.k8s.io/v1"},
          {"kind", "Event"},
          {"metadata",
           {{"name", text_at(metadata, "name") + "." + sha256_hex(content).substr(0, kNameHash)},
            {"namespace", text_at(metadata, "namespace")}}},
          {"eventTime", kube::micro_time(now)},
          {"reportingController", "parallelrun.dev/operator"},
          {"reportingInstance", shortened(instance, kLongestReason)},
          {"action", "Reconcile"},
          {"reason", shortened(event.reason.text(), kLongestReason)},
          {"regarding",
           {{"apiVersion", text_at(job, "apiVersion")},
            {"kind", text_at(job, "kind")},
            {"namespace", text_at(metadata, "namespace")},
            {"name", text_at(metadata, "name")},
            {"uid", text_at(metadata, "uid")},
            {"resourceVersion", text_at(metadata, "resourceVersion")}}},
          {"note", note},
          {"type", type}};
}

EventRecorder::EventRecorder(kube::KubeClient& client, Options options)
    : client_(client),
      options_(std::move(options)),
      budget_(options_.budget),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

EventRecorder::~EventRecorder() {
  thread_.request_stop();
  // The thread drains the queue; a server that does not answer must not hold the process up.
  std::jthread watchdog([this](const std::stop_token& drained) {
    std::mutex wait_mutex;
    std::unique_lock wait_lock(wait_mutex);
    std::condition_variable_any never;
    if (!never.wait_for(wait_lock, drained, kLastWords, [] { return false; }) && !drained.stop_requested()) {
      give_up_.request_stop();
    }
  });
  thread_.join();
}

void EventRecorder::record(const json& job, const JobEvent& event) {
  json object = event_object(job, event, options_.instance, std::chrono::system_clock::now());
  const std::string uid = text_at(object_at(object, "regarding"), "uid");
  std::unique_lock lock(mutex_);
  const bool allowed = budget_.take(uid, now());
  if (allowed && waiting_.size() < options_.longest_queue) {
    waiting_.push_back(std::move(object));
    lock.unlock();
    woken_.notify_one();
    return;
  }
  lock.unlock();
  drop(object, allowed ? "too many events are waiting" : "there are too many events about this job");
}

void EventRecorder::work(const std::stop_token& stop) {
  while (true) {
    json event;
    {
      std::unique_lock lock(mutex_);
      if (!woken_.wait(lock, stop, [&] { return !waiting_.empty(); })) return;
      event = std::move(waiting_.front());
      waiting_.pop_front();
    }
    write(event);
  }
}

void EventRecorder::write(const json& event) {
  const std::string name_space = text_at(event.at("metadata"), "namespace");
  const std::string name = text_at(event.at("metadata"), "name");
  const auto stop = give_up_.get_token();
  if (said_.size() > kRememberedNames) said_.clear();
  std::int64_t& times = said_[name_space + "/" + name];
  if (times == 0) {
    const auto made = client_.create(kEvents, {name_space, "", ""}, event, kFieldManager,
                                     kube::KubeClient::Answer::kMetadata, stop);
    if (made.ok()) {
      times = 1;
      return;
    }
    if (made.error().failure != kube::ApiFailure::kAlreadyExists) {
      drop(event, made.error().message);
      return;
    }
    times = 1;  // said by an earlier operator, who knows how often
  }
  ++times;
  const json series = {{"series", {{"count", times}, {"lastObservedTime", event.at("eventTime")}}}};
  const auto told = client_.merge_patch(kEvents, {name_space, name, ""}, series, kFieldManager,
                                        kube::KubeClient::Answer::kMetadata, stop);
  if (told.ok()) return;
  // Events live for an hour.
  if (told.error().failure == kube::ApiFailure::kNotFound) {
    const auto made = client_.create(kEvents, {name_space, "", ""}, event, kFieldManager,
                                     kube::KubeClient::Answer::kMetadata, stop);
    times = made.ok() ? 1 : 0;
    if (made.ok()) return;
  }
  drop(event, told.error().message);
}

void EventRecorder::drop(const json& event, const std::string& why) const {
  if (!options_.on_dropped) return;
  options_.on_dropped(text_at(event.at("metadata"), "namespace") + "/" +
                      text_at(event.at("regarding"), "name") + ": event " + text_at(event, "reason") +
                      " is not written: " + why);
}

}  // namespace parallelrun::op
