// The door of a page in a cluster. The server has no rights: whoever comes shows a bearer token of his own,
// which goes to the API server and nowhere else. Each viewer has a desk, a watch and answers of his own,
// which nobody else is shown, and which end when the API server does not know the token any more
// (docs/decisions/0029-the-page-in-a-cluster.md).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/kube/credential.h"
#include "common/result/result.h"
#include "runner/web/door.h"
#include "runner/web/viewer_request.h"

namespace parallelrun::web {

struct ViewerOptions {
  ViewerRules rules;
  // Where the API server is, with its authority as it is now. Called from several threads.
  std::function<Result<kube::ClusterAddress>()> address;
};

// `io` must outlive it. Has a few threads, which ask the API server about tokens.
std::shared_ptr<Door> make_viewer_door(boost::asio::io_context& io, std::string version,
                                       ViewerOptions options);

}  // namespace parallelrun::web
