#include "runner/cli/ui_viewers.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <stop_token>
#include <utility>

#include "common/http/endpoint.h"
#include "common/kube/file_credential.h"
#include "common/kube/in_cluster.h"
#include "common/result/try.h"
#include "common/text/presentable.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/this_process.h"
#include "runner/cluster/interrupt.h"
#include "runner/protocol/machine_token.h"
#include "runner/web/pages.h"
#include "runner/web/web_server.h"

namespace parallelrun {
namespace {

constexpr std::chrono::seconds kBetweenRenewals{10};

Error invalid_option(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message), false}; }

// The authority is read each time: it may be replaced.
Result<kube::ClusterAddress> api_server_of(const GivenToViewers& given) {
  if (given.api_server.empty())
    return kube::in_cluster_address([](const char* name) { return std::getenv(name); }, given.api_server_ca);
  if (!given.api_server.starts_with("https://"))
    return invalid_option(
        fmt::format("--api-server is '{}', but must begin with https://: tokens of viewers go there",
                    presentable(given.api_server)));
  kube::ClusterAddress address;
  address.url = given.api_server;
  const auto ca = kube::file_text(given.api_server_ca);
  if (!ca || ca->empty())
    return Error{ErrorCode::kNotFound,
                 fmt::format("--api-server-ca '{}' cannot be read; it must be the PEM file of the cluster's "
                             "authority",
                             presentable(given.api_server_ca)),
                 false};
  address.ca_pem = *ca;
  return address;
}

Result<web::WebServer::ViewerServerOptions> options_of(const GivenToViewers& given) {
  web::WebServer::ViewerServerOptions options;
  ASSIGN_OR_RETURN(options.endpoint, parse_endpoint(given.listen));
  if (options.endpoint.kind != Endpoint::Kind::kTcp)
    return invalid_option("--listen must be ADDRESS:PORT, as in 0.0.0.0:8443");
  const bool tls = !given.certificate.empty() || !given.key.empty();
  if (tls && given.behind_proxy)
    return invalid_option(
        "--behind-proxy means plain HTTP: give either it, or --tls-certificate and --tls-key");
  if (!tls && !given.behind_proxy)
    return invalid_option(
        "tokens of viewers must not cross a network in the clear: give --tls-certificate and --tls-key, "
        "or --behind-proxy where a proxy with TLS, or `kubectl port-forward`, is the only way to this "
        "server");
  options.tls = {"", given.certificate, given.key};
  const std::string folder = given.pages.empty() ? web::pages_beside(this_program()) : given.pages;
  ASSIGN_OR_RETURN(options.pages, web::read_pages(folder));
  options.version = PARALLELRUN_VERSION;
  options.viewers.rules.hosts = {given.hosts.begin(), given.hosts.end()};
  if (const std::string fault = web::fault_of_namespaces(given.name_spaces); !fault.empty())
    return invalid_option("--namespace: " + fault);
  options.viewers.rules.name_spaces = given.name_spaces;
  options.viewers.address = [given] { return api_server_of(given); };
  if (const auto address = options.viewers.address(); !address) return address.error();
  return options;
}

// A Secret's files are replaced while this runs.
class Renewals {
 public:
  Renewals(boost::asio::io_context& io, web::WebServer& server) : timer_(io), server_(server) { await(); }

 private:
  void await() {
    timer_.expires_after(kBetweenRenewals);
    timer_.async_wait([this](boost::system::error_code error) {
      if (error) return;
      const Status renewed = server_.renew_tls();
      const std::string said = renewed ? "" : renewed.error().message;
      if (!said.empty() && said != said_)
        std::fprintf(stderr, "parallelrun: the earlier certificate stays: %s\n", presentable(said).c_str());
      said_ = said;
      await();
    });
  }

  boost::asio::steady_timer timer_;
  web::WebServer& server_;
  std::string said_;
};

}  // namespace

void add_viewer_options(CLI::App& verb, GivenToViewers& given) {
  CLI::Option* const listen = verb.add_option("--listen", given.listen,
                                              "ADDRESS:PORT: serve the jobs of a cluster to viewers who sign "
                                              "in with a bearer token each. This program "
                                              "then needs no rights and no kubeconfig");
  for (const char* other :
       {"DIRECTORY", "--depth", "--context", "--kubeconfig", "--all-namespaces", "--port"})
    listen->excludes(verb.get_option(other));
  verb.add_option("--tls-certificate", given.certificate,
                  "FILE: PEM, with its chain; read again when it changes")
      ->needs(listen);
  verb.add_option("--tls-key", given.key, "FILE: PEM")->needs(listen);
  verb.add_flag("--behind-proxy", given.behind_proxy,
                "plain HTTP: only a proxy with TLS, or kubectl port-forward, leads to --listen")
      ->needs(listen);
  verb.add_option(
          "--host", given.hosts,
          "NAME by which browsers reach the page; again for each further one. Others are refused, but for "
          "localhost")
      ->needs(listen);
  verb.add_option("--api-server", given.api_server, "URL; default: that of the cluster around this pod")
      ->needs(listen);
  verb.add_option(
          "--api-server-ca", given.api_server_ca,
          "FILE: PEM of the authority that the API server's certificate has to be of; default: the pod's")
      ->needs(listen);
}

int serve_viewers(const GivenToViewers& given) {
  cluster::Interrupt interrupt;  // before any thread
  // Tokens of viewers are in the memory of this process.
  close_to_others();
  auto options = options_of(given);
  if (!options) return refuse(options.error().message, kExitInvalid);
  boost::asio::io_context io;
  const bool tls = !options->tls.certificate.empty();
  const std::string address = options->endpoint.host;
  const auto server = web::WebServer::listen(io, std::move(options).value());
  if (!server) return refuse(server.error().message, kExitFailed);
  const std::string shown = to_string(Endpoint{Endpoint::Kind::kTcp, "", address, (*server)->port()});
  if (!print(fmt::format("{}://{}/\n", tls ? "https" : "http", shown))) return kExitFailed;
  std::fprintf(stderr, "parallelrun: each viewer sees what his own bearer token lets him see%s\n",
               tls ? ""
                   : "; this is plain HTTP, so whatever leads here must have TLS: a proxy, or kubectl "
                     "port-forward");
  std::optional<Renewals> renewals;
  if (tls) renewals.emplace(io, **server);
  const std::stop_callback on_interrupt(interrupt.token(), [&io] { io.stop(); });
  io.run();
  return kExitComplete;
}

}  // namespace parallelrun
