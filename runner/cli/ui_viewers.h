// `ui --listen`: the page for viewers of a cluster, each with a bearer token of his own (docs/ui.md).
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace parallelrun {

struct GivenToViewers {
  std::string listen;  // --listen; empty: the page is one of this machine
  std::string certificate;
  std::string key;
  bool behind_proxy = false;
  std::vector<std::string> hosts;
  std::string api_server;
  std::string api_server_ca = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
  std::vector<std::string> name_spaces;  // of the jobs; none: all
  std::string pages;                     // the folder
};

// Its options but the last two. Those that serve a page of this machine exclude --listen; they are there
// already.
void add_viewer_options(CLI::App& verb, GivenToViewers& given);

// Until a signal. Gives the exit code.
int serve_viewers(const GivenToViewers& given);

}  // namespace parallelrun
