// List and watch of one collection as a state machine: answers and the time go in, the next action and
// changes of the cache come out. It has no clock, thread or connection; `Informer` drives it. Not
// thread-safe.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/json/json.h"
#include "common/kube/api_error.h"
#include "common/kube/packed_json.h"
#include "common/kube/time.h"

namespace parallelrun::kube {

struct ObjectKey {
  std::string name_space;  // empty for what lies in no namespace
  std::string name;
  auto operator<=>(const ObjectKey&) const = default;
};

// One object as it was last seen.
struct CachedObject {
  std::string uid;
  std::string resource_version;
  PackedJson body;  // trimmed
};

// One change of the cache. An object that was deleted and made again under its name while nobody watched is a
// deletion and then an addition.
struct CacheChange {
  enum class Kind { kAdded, kUpdated, kDeleted };
  Kind kind;
  ObjectKey key;
  PackedJson before;  // holds nothing for kAdded
  PackedJson after;   // holds nothing for kDeleted
};

class WatchState {
 public:
  struct Options {
    Duration first_backoff = std::chrono::milliseconds(800);
    Duration longest_backoff = std::chrono::seconds(30);
    std::chrono::seconds shortest_watch = std::chrono::minutes(5);
    std::chrono::seconds longest_watch = std::chrono::minutes(10);
    // Uniform in [0, 1): spreads watches and retries of many clients.
    std::function<double()> random;
    // Takes out of an object what nobody reads, or turns it into another shape, before it is kept; may be
    // empty.
    std::function<void(nlohmann::json&)> trim;
  };

  struct List {
    std::string continue_token;  // empty for the first page
  };
  struct Watch {
    std::string resource_version;
    std::chrono::seconds timeout;  // `timeoutSeconds` of the request
  };
  struct Wait {
    Time until;
  };
  using Action = std::variant<List, Watch, Wait>;

  explicit WatchState(Options options) : options_(std::move(options)) {}

  // What to do at `now`. The outcome of a List or Watch has to be told before the next call.
  Action next(Time now);

  // One page: the body of a list. The changes come with the last page, all at once; what vanished is deleted.
  std::vector<CacheChange> on_page(Time now, nlohmann::json page);
  void on_list_failed(Time now, const ApiError& error);

  // The server has begun to answer the watch. Without this its silence, which may last for minutes where
  // nothing changes, would look like the failure before it.
  void on_watch_opened(Time now) { watch_opened_ = now; }
  struct LineOutcome {
    std::vector<CacheChange> changes;  // none or one; two where an object was replaced
    bool go_on = true;                 // false: end the stream, then call `on_watch_ended`
  };
  // One line of a watch, without its line break.
  LineOutcome on_line(Time now, std::string_view line);
  // `error` where the stream did not end by itself. After `go_on == false` it does not matter.
  void on_watch_ended(Time now, const std::optional<ApiError>& error);

  // True once a whole list has been seen; before that the absence of an object means nothing.
  bool synced() const { return synced_; }
  const std::map<ObjectKey, CachedObject>& objects() const { return objects_; }
  const std::string& resource_version() const { return resource_version_; }
  // Lists begun after the first one.
  std::size_t relists() const { return relists_; }
  // The last failure since the last success, for logs and readiness. A watch that has been open for a second
  // is a success; one that ends before is not, so that a server that closes at once does not look well in
  // between.
  std::optional<ApiError> last_error(Time now) const;

 private:
  struct Parsed {
    ObjectKey key;
    CachedObject object;
  };
  std::optional<Parsed> parse(nlohmann::json&& body) const;
  void back_off(Time now, const ApiError& error);
  void relist();
  void succeeded();
  std::vector<CacheChange> replace_all();
  std::vector<CacheChange> put(ObjectKey key, CachedObject object);

  Options options_;
  std::map<ObjectKey, CachedObject> objects_;
  std::map<ObjectKey, CachedObject> listed_;  // pages of the list under way
  std::string resource_version_;
  std::string continue_token_;
  bool list_needed_ = true;
  bool synced_ = false;
  bool line_ended_watch_ = false;
  bool events_seen_ = false;
  std::optional<Time> wait_until_;
  Time watch_began_{};
  std::optional<Time> watch_opened_;  // of the watch that is open
  std::size_t failures_ = 0;
  std::size_t relists_ = 0;
  std::optional<ApiError> last_error_;
};

}  // namespace parallelrun::kube
