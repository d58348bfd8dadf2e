// Keeps a copy of one collection by list and watch. It decides nothing (see WatchState) and has no thread:
// `run` works on the caller's.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/kube/kube_client.h"
#include "common/kube/watch_state.h"

namespace parallelrun::kube {

class Informer {
 public:
  struct Options {
    Resource resource;
    std::string name_space;  // empty: all
    Selection selection;
    int page_size = 500;
    WatchState::Options state;
    // Told of each failure of a list or watch, from the thread of `run`; may be empty.
    std::function<void(const ApiError&)> on_error;
  };
  // Called with what changed, after the cache changed, and once more with nothing when the first list was
  // empty. Calls come one after another, from the thread of `run` or one of the transport; must not block or
  // call `run`.
  using Handler = std::function<void(const std::vector<CacheChange>&)>;

  // `client` must outlive the informer.
  Informer(KubeClient& client, Options options, Handler handler);

  // Returns when `stop` is requested. To be called once.
  void run(const std::stop_token& stop);

  // The functions below may be called from any thread, also by the handler.
  bool synced() const;
  std::optional<CachedObject> find(const ObjectKey& key) const;
  std::vector<std::pair<ObjectKey, CachedObject>> objects() const;
  // Those of one namespace whose names begin with `prefix`. Takes time for what it finds, not for the cache.
  std::vector<std::pair<ObjectKey, CachedObject>> objects(const std::string& name_space,
                                                          const std::string& prefix) const;
  std::size_t size() const;
  std::string resource_version() const;
  std::size_t relists() const;
  std::optional<ApiError> last_error() const;

 private:
  void list(const WatchState::List& action, const std::stop_token& stop);
  void watch(const WatchState::Watch& action, const std::stop_token& stop);

  KubeClient& client_;
  const Options options_;
  const Handler handler_;
  mutable std::mutex mutex_;
  WatchState state_;  // guarded by mutex_
};

}  // namespace parallelrun::kube
