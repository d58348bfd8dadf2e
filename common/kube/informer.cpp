#include "common/kube/informer.h"

#include <condition_variable>
#include <utility>

namespace parallelrun::kube {
namespace {

Time now() { return std::chrono::steady_clock::now(); }

void wait_until(Time at, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  woken.wait_until(lock, stop, at, [] { return false; });
}

}  // namespace

Informer::Informer(KubeClient& client, Options options, Handler handler)
    : client_(client), options_(std::move(options)), handler_(std::move(handler)), state_(options_.state) {}

void Informer::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::unique_lock lock(mutex_);
    const WatchState::Action action = state_.next(now());
    lock.unlock();
    if (const auto* wait = std::get_if<WatchState::Wait>(&action)) {
      wait_until(wait->until, stop);
    } else if (const auto* page = std::get_if<WatchState::List>(&action)) {
      list(*page, stop);
    } else {
      watch(std::get<WatchState::Watch>(action), stop);
    }
    if (options_.on_error && !std::holds_alternative<WatchState::Wait>(action) && !stop.stop_requested()) {
      const auto error = last_error();
      if (error) options_.on_error(*error);
    }
  }
}

void Informer::list(const WatchState::List& action, const std::stop_token& stop) {
  auto page = client_.list_page(options_.resource, options_.name_space, options_.selection,
                                options_.page_size, action.continue_token, stop);
  std::unique_lock lock(mutex_);
  if (!page.ok()) {
    state_.on_list_failed(now(), page.error());
    return;
  }
  const bool synced_before = state_.synced();
  const auto changes = state_.on_page(now(), std::move(page).value());
  const bool first = !synced_before && state_.synced();
  lock.unlock();
  if (!changes.empty() || first) handler_(changes);
}

void Informer::watch(const WatchState::Watch& action, const std::stop_token& stop) {
  const auto sink = [&](std::string_view line) {
    std::unique_lock lock(mutex_);
    const auto outcome = state_.on_line(now(), line);
    lock.unlock();
    if (!outcome.changes.empty()) handler_(outcome.changes);
    return outcome.go_on;
  };
  const auto opened = [&] {
    const std::lock_guard lock(mutex_);
    state_.on_watch_opened(now());
  };
  const auto end = client_.watch(options_.resource, options_.name_space, options_.selection,
                                 action.resource_version, action.timeout, opened, sink, stop);
  const std::lock_guard lock(mutex_);
  state_.on_watch_ended(now(), end.ok() ? std::nullopt : std::optional(end.error()));
}

bool Informer::synced() const {
  const std::lock_guard lock(mutex_);
  return state_.synced();
}

std::optional<CachedObject> Informer::find(const ObjectKey& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = state_.objects().find(key);
  if (found == state_.objects().end()) return std::nullopt;
  return found->second;
}

std::vector<std::pair<ObjectKey, CachedObject>> Informer::objects() const {
  const std::lock_guard lock(mutex_);
  return {state_.objects().begin(), state_.objects().end()};
}

std::vector<std::pair<ObjectKey, CachedObject>> Informer::objects(const std::string& name_space,
                                                                  const std::string& prefix) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<ObjectKey, CachedObject>> found;
  for (auto at = state_.objects().lower_bound({name_space, prefix});
       at != state_.objects().end() && at->first.name_space == name_space &&
       at->first.name.starts_with(prefix);
       ++at) {
    found.push_back(*at);
  }
  return found;
}

std::size_t Informer::size() const {
  const std::lock_guard lock(mutex_);
  return state_.objects().size();
}

std::string Informer::resource_version() const {
  const std::lock_guard lock(mutex_);
  return state_.resource_version();
}

std::size_t Informer::relists() const {
  const std::lock_guard lock(mutex_);
  return state_.relists();
}

std::optional<ApiError> Informer::last_error() const {
  const std::lock_guard lock(mutex_);
  return state_.last_error(now());
}

}  // namespace parallelrun::kube
