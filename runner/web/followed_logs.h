// The logs of a cluster that pages of one viewer follow. Each has a thread, on which a pod is made that reads
// it (growing_log.h), and the last of its bytes, for as long as somebody wants it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runner/cluster/interrupt.h"
#include "runner/web/growing_log.h"
#include "runner/web/places.h"
#include "runner/web/world.h"

namespace parallelrun::web {

// Any thread.
class FollowedLogs {
 public:
  // What the one who reads a log has to say, as it comes.
  struct Reader {
    // False: enough.
    std::function<bool(std::string_view bytes)> take;
    std::function<void(const std::string& words)> say;
  };
  struct Over {
    std::string words;      // why, in sentences
    bool for_good = false;  // no other try can read on
  };
  // Reads a log until it ends, or `stop` is requested. Blocks.
  using Read = std::function<Over(const std::string& job, const std::string& path, const Reader& reader,
                                  cluster::Cancellation& stop)>;

  FollowedLogs(Tenant tenant, Read read) : tenant_(std::move(tenant)), read_(std::move(read)) {}
  // Lets all go, and waits for their threads.
  ~FollowedLogs();
  FollowedLogs(const FollowedLogs&) = delete;
  FollowedLogs& operator=(const FollowedLogs&) = delete;

  // See World::follow().
  void follow(std::vector<FollowedLog>& logs);
  // Of a log that is followed to its end; nothing: it is not, or that part of it is not kept.
  std::optional<LogPiece> piece(const std::string& job, const std::string& path, const LogRange& range);

 private:
  struct One {
    std::string job;
    std::string path;
    cluster::Cancellation stop;
    std::mutex mutex;  // all below
    GrowingLog log;
    Places::Place place;  // until it has ended
    std::string words;
    std::chrono::steady_clock::time_point begun;
    std::optional<std::chrono::steady_clock::time_point> ended;  // nothing: its thread reads
    bool for_good = false;
    std::jthread thread;  // last: it uses the above
  };

  std::shared_ptr<One> find(const std::string& job, const std::string& path);
  // `words`: what is said until it has something to say.
  Status start(const std::string& job, const std::string& path, std::string words);
  // Lets go one that broke off before the log had ended, once it is time to try again. Gives what it said.
  std::optional<std::string> let_go_what_broke_off(const std::string& job, const std::string& path);
  void run(One& one);

  const Tenant tenant_;
  const Read read_;
  std::mutex mutex_;  // all below
  std::list<std::shared_ptr<One>> followed_;
  std::list<std::shared_ptr<One>> let_go_;  // until their threads have ended
};

}  // namespace parallelrun::web
