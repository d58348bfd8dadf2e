#include "runner/cli/cluster_list.h"

#include <unistd.h>

#include <cstdio>

#include "common/text/presentable.h"
#include "runner/cli/cluster_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/terminal.h"

namespace parallelrun {

using cluster::ListedJob;

std::string table_of(const std::vector<ListedJob>& jobs, bool all_namespaces, bool wide,
                     const Screen& screen) {
  std::vector<std::string> heads = {"NAME", "STATE", "DONE", "ITEMS", "FAILED ITEMS", "AGE"};
  if (all_namespaces) heads.insert(heads.begin(), "NAMESPACE");
  if (wide) heads.insert(heads.end(), {"NODES", "STARTED", "MESSAGE"});
  std::vector<std::vector<std::string>> rows;
  rows.reserve(jobs.size());
  for (const ListedJob& job : jobs) {
    auto& row = rows.emplace_back();
    if (all_namespaces) row.push_back(job.name_space);
    row.insert(row.end(), {job.name, job.state, job.percent.empty() ? "" : job.percent + "%", job.items,
                           job.failed, job.age});
    if (wide) row.insert(row.end(), {job.nodes, job.started, job.message});
  }
  return table(heads, rows, screen);
}

int cluster_list(const cluster::ClusterChoice& choice, bool all_namespaces, Form form) {
  const auto connection = connect(choice);
  if (!connection) return kExitInvalid;
  cluster::Jobs jobs(*connection, {});
  if (form == Form::kJson || form == Form::kYaml) {
    const auto objects = jobs.objects(all_namespaces);
    if (!objects) return print_error(objects.error());
    nlohmann::ordered_json document = nlohmann::ordered_json::array();
    for (const nlohmann::json& object : *objects)
      document.push_back(nlohmann::ordered_json(to_json(cluster::job_view(object))));
    return print(document_text(document, form)) ? kExitComplete : kExitFailed;
  }
  const auto listed = jobs.list(all_namespaces);
  if (!listed) return print_error(listed.error());
  if (form == Form::kName) {
    std::string names;
    for (const ListedJob& job : *listed) names += presentable(job.name) + "\n";
    return print(names) ? kExitComplete : kExitFailed;
  }
  if (listed->empty()) {
    std::fprintf(stderr, "parallelrun: no jobs %s\n",
                 all_namespaces ? "in the cluster"
                                : ("in the namespace '" + presentable(jobs.name_space()) +
                                   "'; -n NAMESPACE names another one, -A lists all")
                                      .c_str());
    return kExitComplete;
  }
  const bool wide = form == Form::kWide;
  return print(table_of(*listed, all_namespaces, wide, screen_of(STDOUT_FILENO, wide))) ? kExitComplete
                                                                                        : kExitFailed;
}

}  // namespace parallelrun
