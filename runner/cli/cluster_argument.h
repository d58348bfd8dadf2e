// Which cluster a verb speaks to, and whether it speaks to one at all.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runner/cluster/connection.h"
#include "runner/cluster/jobs.h"

namespace CLI {
class App;
}

namespace parallelrun {

// -n/--namespace, --context, --kubeconfig.
void add_cluster_options(CLI::App& verb, cluster::ClusterChoice& choice);

// Whether `job` is the name of a job in a cluster and not an output directory of this machine. One of the
// options says so; without one: no path ('/'), no output directory that is here, a name that a job may have,
// and there is a kubeconfig. For the plugin of kubectl all that is no path is a name.
bool is_in_cluster(const std::string& job, const cluster::ClusterChoice& choice);
// The shape of metadata.name. Pure.
bool is_job_name(const std::string& text);

// Nothing: there is no cluster to speak to, and that has been printed.
std::unique_ptr<cluster::Connection> connect(const cluster::ClusterChoice& choice);

// Prints it, and gives the exit code that it stands for.
int print_error(const Error& error);

// Gives the exit code of `act`, which gets the job as the cluster has it now; what keeps it from that is
// printed.
int with_job(const cluster::ClusterChoice& choice, const std::string& name,
             const std::function<int(cluster::Jobs&, const cluster::JobView&)>& act);
// Whether it has ended, which is printed then. `so`: what follows from that: "it has no nodes to scale".
bool is_too_late(const cluster::JobView& job, const std::string& so);

// Once, first of all: as which program the user called us. `name`: argv[0].
void called_as(const std::string& name);
// Whether that is kubectl-parallelrun, which kubectl starts for `kubectl parallelrun`.
bool is_kubectl_plugin();
// "parallelrun", "kubectl parallelrun": what to type, in hints.
std::string program_words();
// "parallelrun status -w digits -n team": what a user may type next. Pure but for program_words().
std::string command_words(const std::string& verb, const std::string& job, const std::string& name_space);

}  // namespace parallelrun
