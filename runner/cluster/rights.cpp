#include "runner/cluster/rights.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/json/members.h"
#include "common/text/presentable.h"
#include "runner/cluster/plain_error.h"

namespace parallelrun::cluster {

using nlohmann::json;

Result<std::string> missing_right(Connection& connection, const std::string& verb,
                                  const std::string& resource, const std::stop_token& stop) {
  const kube::Resource reviews{"authorization.k8s.io", "v1", "selfsubjectaccessreviews", false};
  const std::string group = resource == "parallelrunjobs" ? "parallelrun.dev" : "";
  const std::size_t slash = std::min(resource.find('/'), resource.size());
  const json review = {{"apiVersion", "authorization.k8s.io/v1"},
                       {"kind", "SelfSubjectAccessReview"},
                       {"spec",
                        {{"resourceAttributes",
                          {{"namespace", connection.name_space()},
                           {"verb", verb},
                           {"group", group},
                           {"resource", resource.substr(0, slash)},
                           {"subresource", resource.substr(std::min(slash + 1, resource.size()))}}}}}};
  const auto made =
      connection.client().create(reviews, {}, review, kFieldManager, kube::KubeClient::Answer::kObject, stop);
  if (!made.ok()) return plain_error(made.error(), {"create", reviews.plural, "", ""}, connection.server());
  if (object_at(made.value(), "status").value("allowed", json(false)) == true) return std::string();
  return presentable(fmt::format(
      "you have no right to {} {}{} in the namespace '{}'; ask an administrator of the cluster for it", verb,
      resource, group.empty() ? "" : "." + group, connection.name_space()));
}

}  // namespace parallelrun::cluster
