// Which jobs name which other objects of their namespace, so that a change of an object is work for those
// jobs alone. Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "common/kube/watch_state.h"

namespace parallelrun::op {

class JobsByName {
 public:
  // What `job` names now; empty: nothing any more.
  void names(const kube::ObjectKey& job, std::set<std::string> names);

  // The jobs that name this object.
  std::vector<kube::ObjectKey> of(const kube::ObjectKey& object) const;

 private:
  mutable std::mutex mutex_;
  std::map<kube::ObjectKey, std::set<std::string>> names_;  // of objects, by job
  std::map<kube::ObjectKey, std::set<std::string>> jobs_;   // names, by object
};

}  // namespace parallelrun::op
