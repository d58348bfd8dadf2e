#include "runner/web/followed_logs.h"

#include <algorithm>
#include <utility>

#include "common/result/try.h"

namespace parallelrun::web {
namespace {

constexpr const char* kStarting = "A pod that reads this log is being started.";
constexpr const char* kReading =
    "A pod reads this log for you while you follow it, and is deleted after that.";
// After one that broke off soon; what stood in its way mostly stands for a while.
constexpr std::chrono::seconds kBeforeAnother{15};
constexpr std::chrono::seconds kLivedLong{60};

}  // namespace

FollowedLogs::~FollowedLogs() {
  for (const auto* list : {&followed_, &let_go_})
    for (const auto& one : *list) one->stop.request();
}

void FollowedLogs::follow(std::vector<FollowedLog>& logs) {
  const std::lock_guard lock(mutex_);
  const auto has_ended = [](const std::shared_ptr<One>& one) {
    const std::lock_guard own(one->mutex);
    return one->ended.has_value();
  };
  let_go_.remove_if(has_ended);
  for (auto one = followed_.begin(); one != followed_.end();) {
    const bool wanted = std::any_of(logs.begin(), logs.end(), [&](const FollowedLog& log) {
      return log.job == (*one)->job && log.path == (*one)->path;
    });
    if (!wanted) (*one)->stop.request();
    const auto next = std::next(one);
    if (!wanted) let_go_.splice(let_go_.end(), followed_, one);
    one = next;
  }
  for (FollowedLog& log : logs) {
    const auto said = let_go_what_broke_off(log.job, log.path);
    if (!find(log.job, log.path)) {
      // Those that were let go a moment ago still have their pods.
      if (const Status started = start(log.job, log.path, said.value_or(kStarting)); !started) {
        log.follows = false;
        log.words = "This log is not followed yet; that begins by itself when there is a place: " +
                    started.error().message;
        continue;
      }
    }
    const auto one = find(log.job, log.path);
    const std::lock_guard own(one->mutex);
    log.size = one->log.size();
    log.follows = !one->ended;
    log.words = one->words;
  }
}

std::optional<LogPiece> FollowedLogs::piece(const std::string& job, const std::string& path,
                                            const LogRange& range) {
  const std::lock_guard lock(mutex_);
  const auto one = find(job, path);
  if (!one) return std::nullopt;
  const std::lock_guard own(one->mutex);
  if (one->ended && !one->log.ended()) return std::nullopt;  // the log has grown since
  return one->log.piece(range);
}

std::optional<std::string> FollowedLogs::let_go_what_broke_off(const std::string& job,
                                                               const std::string& path) {
  const auto one = find(job, path);
  if (!one) return std::nullopt;
  std::string said;
  {
    const std::lock_guard own(one->mutex);
    if (!one->ended || one->for_good) return std::nullopt;
    const bool lived_long = *one->ended - one->begun >= kLivedLong;
    if (!lived_long && std::chrono::steady_clock::now() - *one->ended < kBeforeAnother) return std::nullopt;
    said = one->words;
  }
  followed_.remove(one);
  let_go_.push_back(one);
  return said;
}

std::shared_ptr<FollowedLogs::One> FollowedLogs::find(const std::string& job, const std::string& path) {
  const auto found = std::find_if(followed_.begin(), followed_.end(),
                                  [&](const auto& one) { return one->job == job && one->path == path; });
  return found == followed_.end() ? nullptr : *found;
}

Status FollowedLogs::start(const std::string& job, const std::string& path, std::string words) {
  ASSIGN_OR_RETURN(auto place, tenant_.take(Places::Kind::kFollowedLogs));
  const auto one = followed_.emplace_back(std::make_shared<One>());
  one->job = job;
  one->path = path;
  one->words = std::move(words);
  one->begun = std::chrono::steady_clock::now();
  one->place = std::move(place);
  one->thread = std::jthread([this, &one = *one] { run(one); });
  return {};
}

void FollowedLogs::run(One& one) {
  Reader reader;
  reader.take = [&one](std::string_view bytes) {
    const std::lock_guard own(one.mutex);
    one.words = kReading;
    return one.log.take(bytes);
  };
  reader.say = [&one](const std::string& words) {
    const std::lock_guard own(one.mutex);
    one.words = words;
  };
  Over over = read_(one.job, one.path, reader, one.stop);
  const std::lock_guard own(one.mutex);
  one.words = std::move(over.words);
  one.for_good = over.for_good;
  one.place = Places::Place();
  one.ended = std::chrono::steady_clock::now();
}

}  // namespace parallelrun::web
