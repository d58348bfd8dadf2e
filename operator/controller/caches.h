// Copies of the jobs, their pods and Services, and of datasets, of all namespaces or of some.
//
// Secrets are not among them: to list them is to read every Secret of the cluster.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/kube/informer.h"
#include "common/kube/kube_client.h"

namespace parallelrun::op {

// Called after a cache changed, from a thread that fills it; must not block. Which object it is about is in
// the change, as the records of pod_record.h and job_record.h; the record of a Service is
// {"job", "owner", "secret"} like that of a pod.
class CacheListener {
 public:
  virtual ~CacheListener() = default;
  virtual void job_changed(const kube::CacheChange& change) = 0;
  virtual void pod_changed(const kube::CacheChange& change) = 0;
  virtual void service_changed(const kube::CacheChange& change) = 0;
  virtual void dataset_changed(const kube::CacheChange& change) = 0;
};

class Caches {
 public:
  struct Options {
    std::vector<std::string> name_spaces;  // empty: all
    std::function<double()> random;        // uniform in [0, 1); thread-safe
    // A failed list or watch, as a sentence; any thread.
    std::function<void(const std::string&)> on_error;
  };

  // `client` and `listener` must outlive it.
  Caches(kube::KubeClient& client, const Options& options, CacheListener& listener);
  // Ends the watches.
  ~Caches();
  Caches(const Caches&) = delete;
  Caches& operator=(const Caches&) = delete;

  // One thread for each kind and namespace. To be called once.
  void start();

  // The functions below may be called from any thread.
  // Datasets that cannot be listed count: an older chart may not have them.
  bool synced() const;
  std::optional<kube::CachedObject> job(const kube::ObjectKey& key) const;
  std::vector<std::string> job_names(const std::string& name_space) const;
  // By the names that pods of this job have; other jobs' whose names begin alike may be among them.
  std::vector<std::pair<kube::ObjectKey, kube::CachedObject>> pods_of(const kube::ObjectKey& job) const;
  std::optional<kube::CachedObject> service(const kube::ObjectKey& key) const;
  // Whether the namespace's datasets are known; without that none of them means nothing.
  bool knows_datasets(const std::string& name_space) const;
  std::optional<kube::CachedObject> dataset(const kube::ObjectKey& key) const;
  std::vector<std::string> dataset_names(const std::string& name_space) const;
  std::size_t jobs() const;
  std::size_t pods() const;

 private:
  struct Kind {
    const char* name;
    std::vector<std::unique_ptr<kube::Informer>> informers;  // in the order of name_spaces
  };
  void add(Kind& kind, kube::KubeClient& client, const kube::Resource& resource, const std::string& labels,
           std::function<void(nlohmann::json&)> trim,
           void (CacheListener::*changed)(const kube::CacheChange&), CacheListener& listener);
  const kube::Informer* informer(const Kind& kind, const std::string& name_space) const;

  const Options options_;
  Kind jobs_{"ParallelRunJobs", {}};
  Kind pods_{"pods", {}};
  Kind services_{"services", {}};
  Kind datasets_{"ParallelRunDatasets", {}};
  std::vector<std::jthread> threads_;
};

}  // namespace parallelrun::op
