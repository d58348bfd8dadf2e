#include "operator/controller/caches.h"

#include <malloc.h>

#include <algorithm>
#include <utility>

#include "operator/controller/job_record.h"
#include "operator/controller/pod_record.h"
#include "operator/controller/resources.h"

namespace parallelrun::op {
namespace {

// A page is held as a tree once, at about twenty times what the cache keeps of it.
constexpr int kPageSize = 250;
// So many changes at once are a list, whose pages have left holes in the heap.
constexpr std::size_t kManyChanges = 1000;

std::vector<std::string> names_of(const kube::Informer* informer, const std::string& name_space) {
  std::vector<std::string> names;
  if (informer == nullptr) return names;
  for (const auto& [key, object] : informer->objects(name_space, "")) names.push_back(key.name);
  return names;
}

}  // namespace

Caches::Caches(kube::KubeClient& client, const Options& options, CacheListener& listener)
    : options_(options) {
  add(jobs_, client, kJobs, "", to_job_record, &CacheListener::job_changed, listener);
  add(pods_, client, kPods, kOwnObjects, to_pod_record, &CacheListener::pod_changed, listener);
  // A Service as a record has the members of a pod's that are in its metadata.
  add(services_, client, kServices, kOwnObjects, to_pod_record, &CacheListener::service_changed, listener);
  add(datasets_, client, kDatasets, "", to_job_record, &CacheListener::dataset_changed, listener);
}

Caches::~Caches() {
  for (auto& thread : threads_) thread.request_stop();
}

void Caches::add(Kind& kind, kube::KubeClient& client, const kube::Resource& resource,
                 const std::string& labels, std::function<void(nlohmann::json&)> trim,
                 void (CacheListener::*changed)(const kube::CacheChange&), CacheListener& listener) {
  kube::Informer::Options options;
  options.resource = resource;
  options.selection.labels = labels;
  options.page_size = kPageSize;
  options.state.random = options_.random;
  options.state.trim = std::move(trim);
  options.on_error = [this, name = kind.name](const kube::ApiError& error) {
    if (options_.on_error) options_.on_error(std::string("the watch of ") + name + ": " + error.message);
  };
  const auto handler = [changed, &listener](const std::vector<kube::CacheChange>& changes) {
    for (const auto& change : changes) (listener.*changed)(change);
    if (changes.size() >= kManyChanges) malloc_trim(0);
  };
  auto name_spaces = options_.name_spaces;
  if (name_spaces.empty()) name_spaces.emplace_back();
  for (const auto& name_space : name_spaces) {
    options.name_space = name_space;
    kind.informers.push_back(std::make_unique<kube::Informer>(client, options, handler));
  }
}

void Caches::start() {
  for (Kind* kind : {&jobs_, &pods_, &services_, &datasets_}) {
    for (auto& informer : kind->informers) {
      threads_.emplace_back([&informer](const std::stop_token& stop) { informer->run(stop); });
    }
  }
}

const kube::Informer* Caches::informer(const Kind& kind, const std::string& name_space) const {
  if (options_.name_spaces.empty()) return kind.informers.front().get();
  const auto found = std::find(options_.name_spaces.begin(), options_.name_spaces.end(), name_space);
  if (found == options_.name_spaces.end()) return nullptr;
  return kind.informers[static_cast<std::size_t>(found - options_.name_spaces.begin())].get();
}

bool Caches::synced() const {
  for (const Kind* kind : {&jobs_, &pods_, &services_}) {
    for (const auto& informer : kind->informers) {
      if (!informer->synced()) return false;
    }
  }
  // An older chart may have neither the resource nor the right; jobs that name no dataset do not mind.
  return std::all_of(datasets_.informers.begin(), datasets_.informers.end(),
                     [](const auto& informer) { return informer->synced() || informer->last_error(); });
}

std::optional<kube::CachedObject> Caches::job(const kube::ObjectKey& key) const {
  const auto* found = informer(jobs_, key.name_space);
  return found == nullptr ? std::nullopt : found->find(key);
}

std::vector<std::pair<kube::ObjectKey, kube::CachedObject>> Caches::pods_of(
    const kube::ObjectKey& job) const {
  const auto* found = informer(pods_, job.name_space);
  if (found == nullptr) return {};
  auto pods = found->objects(job.name_space, job.name + "-orchestrator-");
  auto workers = found->objects(job.name_space, job.name + "-worker-");
  std::move(workers.begin(), workers.end(), std::back_inserter(pods));
  return pods;
}

std::optional<kube::CachedObject> Caches::service(const kube::ObjectKey& key) const {
  const auto* found = informer(services_, key.name_space);
  return found == nullptr ? std::nullopt : found->find(key);
}

bool Caches::knows_datasets(const std::string& name_space) const {
  const auto* found = informer(datasets_, name_space);
  return found != nullptr && found->synced();
}

std::optional<kube::CachedObject> Caches::dataset(const kube::ObjectKey& key) const {
  const auto* found = informer(datasets_, key.name_space);
  return found == nullptr ? std::nullopt : found->find(key);
}

std::vector<std::string> Caches::dataset_names(const std::string& name_space) const {
  return names_of(informer(datasets_, name_space), name_space);
}

std::vector<std::string> Caches::job_names(const std::string& name_space) const {
  return names_of(informer(jobs_, name_space), name_space);
}

std::size_t Caches::jobs() const {
  std::size_t count = 0;
  for (const auto& informer : jobs_.informers) count += informer->size();
  return count;
}

std::size_t Caches::pods() const {
  std::size_t count = 0;
  for (const auto& informer : pods_.informers) count += informer->size();
  return count;
}

}  // namespace parallelrun::op
