// What a shell may offer for the word that is typed, from a cluster and from the tables of this program. No
// pod is started for it: a cluster answers with its objects alone.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "runner/cluster/connection.h"

namespace parallelrun {

struct Offer {
  std::string word;
  std::string about;  // one line; may be empty
};

// Namespaces of the cluster. Nothing where the user may not list them.
std::vector<Offer> offered_namespaces(const cluster::ClusterChoice& choice);

// What `logs NAME` takes as LOG, as far as it is known without the volume: the files that every job has, the
// addresses of its worker pods that are there, and its processes.
std::vector<Offer> offered_logs(const cluster::ClusterChoice& choice, const std::string& job);

// Numbers of the mini-batches that were created, those that begin with `start`; at most `most`.
std::vector<Offer> offered_mini_batches(const cluster::ClusterChoice& choice, const std::string& job,
                                        const std::string& start, std::size_t most);

// What may stand behind --set: "nodeCount=", and for a field of words "loggingLevel=DEBUG" once its name
// stands there. Pure.
std::vector<Offer> offered_fields(const std::string& start);

}  // namespace parallelrun
