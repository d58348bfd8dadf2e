// parallelrun-operator: wires the rooms up and waits for its end.
#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "common/kube/access.h"
#include "common/kube/http_transport.h"
#include "common/kube/lease_election.h"
#include "common/kube/observed_transport.h"
#include "common/kube/throttled_transport.h"
#include "common/posix/environment.h"
#include "common/posix/host_name.h"
#include "common/result/try.h"
#include "operator/controller/controller.h"
#include "operator/metrics/operator_metrics.h"
#include "operator/metrics/status_server.h"
#include "operator/program/log.h"
#include "operator/program/options.h"

namespace parallelrun::op {
namespace {

using namespace std::chrono_literals;

constexpr const char* kLease = "parallelrun-operator";
constexpr int kStopped = 0;
constexpr int kNotStarted = 1;
constexpr int kLeadershipLost = 3;
constexpr auto kPatience = 10s;          // for jobs that are being worked on, when told to stop
constexpr auto kLook = 50ms;             // between two looks at what has happened
constexpr auto kStuck = 10min;           // no request takes that long
constexpr std::size_t kPoolThreads = 4;  // of the HTTP client: they carry bytes and parse what is watched
// Heaps of their own for a few threads: with one for each, what lists leave behind would stay in all of them.
constexpr int kHeaps = 2;

std::function<double()> make_random() {
  struct Source {
    std::mutex mutex;
    std::mt19937_64 engine{std::random_device{}()};
  };
  return [source = std::make_shared<Source>()] {
    const std::lock_guard lock(source->mutex);
    return std::uniform_real_distribution<double>(0, 1)(source->engine);
  };
}

// Unique for each process that ever was.
std::string identity() {
  std::string name = environment_variable("POD_NAME");
  if (name.empty()) name = host_name();
  std::random_device random;
  return name + "_" + std::to_string(random()) + std::to_string(random());
}

std::string host_of(const std::string& url) {
  const auto begin = url.find("://") == std::string::npos ? 0 : url.find("://") + 3;
  return url.substr(begin, url.find('/', begin) - begin);
}

// Metrics and probes, on a thread of their own.
class StatusPages {
 public:
  StatusPages(const OperatorMetrics& metrics, const Controller& controller)
      : metrics_(metrics), controller_(controller) {}
  ~StatusPages() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }
  StatusPages(const StatusPages&) = delete;
  StatusPages& operator=(const StatusPages&) = delete;

  Result<void> open(const Options& options, spdlog::logger& log) {
    const bool one = options.metrics_address == options.health_address;
    RETURN_IF_ERROR(listen(options.metrics_address, true, one, log));
    if (!one) {
      RETURN_IF_ERROR(listen(options.health_address, false, true, log));
    }
    if (!servers_.empty()) thread_ = std::thread([this] { io_.run(); });
    return {};
  }

 private:
  Result<void> listen(const std::string& address, bool metrics, bool health, spdlog::logger& log) {
    if (address.empty() || address == "0") return {};
    StatusServer::Options options;
    options.address = address;
    auto server = StatusServer::listen(io_, options, [this, metrics, health](const std::string& path) {
      return page(path, metrics, health);
    });
    if (!server.ok()) return server.error();
    log.info("serving {}{}{} at port {}", metrics ? "/metrics" : "", metrics && health ? ", " : "",
             health ? "/healthz, /readyz" : "", (*server)->port());
    servers_.push_back(std::move(server).value());
    return {};
  }

  StatusServer::Reply page(const std::string& path, bool metrics, bool health) const {
    if (metrics && path == "/metrics") {
      return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_.text()};
    }
    if (health && path == "/healthz") {
      if (controller_.state().queue.longest < kStuck) return {200, "text/plain; charset=utf-8", "ok\n"};
      return {503, "text/plain; charset=utf-8",
              "the operator has worked on one job for more than ten minutes\n"};
    }
    if (health && path == "/readyz") {
      if (controller_.synced()) return {200, "text/plain; charset=utf-8", "ok\n"};
      return {503, "text/plain; charset=utf-8", "the caches are not filled yet\n"};
    }
    return {404, "text/plain; charset=utf-8", "not found\n"};
  }

  const OperatorMetrics& metrics_;
  const Controller& controller_;
  boost::asio::io_context io_;
  std::vector<std::unique_ptr<StatusServer>> servers_;
  std::thread thread_;
};

// Whether this operator leads, by the Lease or because there is only one.
class Leadership {
 public:
  Leadership(kube::Transport& transport, const Options& options, const std::string& name_space,
             const std::string& instance, std::function<double()> random)
      : elects_(options.leader_election) {
    if (!elects_) return;
    kube::LeaseOptions lease;
    lease.identity = instance;
    lease.random = std::move(random);
    election_.emplace(transport, kube::LeaseTarget{name_space, kLease, "parallelrun-operator", {}, {}}, lease,
                      [](kube::LeaseStanding) {});
  }
  // Gives the Lease back.
  ~Leadership() = default;
  Leadership(const Leadership&) = delete;
  Leadership& operator=(const Leadership&) = delete;

  void run() {
    if (elects_) thread_ = std::jthread([this](const std::stop_token& stop) { election_->run(stop); });
  }
  kube::LeaseStanding standing() const {
    return elects_ ? election_->standing() : kube::LeaseStanding::kHeld;
  }
  std::string holder() const { return elects_ ? election_->holder() : std::string(); }
  std::optional<kube::ApiError> last_error() const {
    return elects_ ? election_->last_error() : std::nullopt;
  }

 private:
  const bool elects_;
  std::optional<kube::LeaseElection> election_;
  std::jthread thread_;
};

bool stop_signal(const sigset_t& signals) {
  const timespec pause{0, std::chrono::nanoseconds(kLook).count()};
  return sigtimedwait(&signals, nullptr, &pause) > 0;
}

// Leads while the Lease says so. Returns the exit code.
int lead_until_stopped(Controller& controller, Leadership& leadership, OperatorMetrics& metrics,
                       spdlog::logger& log, const sigset_t& signals) {
  using Standing = kube::LeaseStanding;
  bool synced = false;
  bool led = false;
  auto before = Standing::kWaiting;
  std::string holder;
  metrics.set_leader(kLease, false);
  while (!stop_signal(signals)) {
    if (!synced) {
      if (!controller.synced()) continue;
      synced = true;
      log.info("caches are filled: {} pods", controller.state().pods);
      leadership.run();
    }
    const Standing now = leadership.standing();
    if (now == Standing::kWaiting && leadership.holder() != holder) {
      holder = leadership.holder();
      if (!holder.empty()) log.info("another operator leads: {}; this one waits", holder);
    }
    if (now == before) continue;
    before = now;
    metrics.set_leader(kLease, now == Standing::kHeld);
    if (now == Standing::kLost || now == Standing::kGivenUp) {
      log.error("another operator leads now: {}; this one ends", leadership.holder());
      return kLeadershipLost;
    }
    if (now == Standing::kHeld) {
      log.info("this operator leads");
      controller.pause(false);
      if (!std::exchange(led, true)) controller.lead();
    } else {
      const auto error = leadership.last_error();
      log.warn("the Lease cannot be renewed, so no new work begins: {}",
               error ? error->message : "no answer");
      controller.pause(true);
    }
  }
  return kStopped;
}

int run(const Options& options, const sigset_t& signals) {
  const auto log = make_log(options.log_level, options.log_format);
  kube::AccessOptions access_options;
  access_options.kubeconfig = options.kubeconfig;
  access_options.context = options.context;
  const auto access = kube::default_access(access_options);
  if (!access.ok()) {
    log->error("{}", access.error().message);
    return kNotStarted;
  }
  const std::string instance = identity();
  const auto random = make_random();
  OperatorMetrics metrics(host_of(access->address.url));
  const auto transport = kube::make_http_transport(access->address, access->credentials, {kPoolThreads});
  kube::ObservedTransport observed(*transport, metrics);
  std::optional<kube::ThrottledTransport> throttled;
  if (options.qps > 0) throttled.emplace(observed, kube::RequestRate{options.qps, options.burst});
  kube::KubeClient client(throttled ? static_cast<kube::Transport&>(*throttled) : observed);

  Controller::Options controller_options;
  controller_options.settings = options.settings;
  controller_options.name_spaces = options.name_spaces;
  controller_options.workers = options.workers;
  controller_options.instance = instance;
  controller_options.random = random;
  // The Lease is given back after the controller has stopped: nobody else may lead before.
  const std::string& lease_name_space =
      options.leader_election_name_space.empty() ? access->name_space : options.leader_election_name_space;
  Leadership leadership(observed, options, lease_name_space, instance, random);
  Controller controller(client, controller_options, metrics, log);
  metrics.set_state([&controller] { return controller.state(); }, options.workers);
  StatusPages pages(metrics, controller);
  if (const auto opened = pages.open(options, *log); !opened.ok()) {
    log->error("{}", opened.error().message);
    return kNotStarted;
  }
  log->info("{} serves {} at {}", instance,
            options.name_spaces.empty() ? "all namespaces"
                                        : std::to_string(options.name_spaces.size()) + " namespaces",
            access->address.url);
  controller.start();
  const int code = lead_until_stopped(controller, leadership, metrics, *log, signals);
  log->info("stopping");
  controller.stop(kPatience);
  return code;
}

}  // namespace
}  // namespace parallelrun::op

int main(int argument_count, char** arguments) {
  using namespace parallelrun::op;
  mallopt(M_ARENA_MAX, kHeaps);
  const auto parsed = parse_options(argument_count, arguments, PARALLELRUN_VERSION);
  if (!parsed.go_on) return parsed.exit_code;
  // Before the first thread: all of them inherit it.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run(parsed.options, signals);
  } catch (const std::exception& problem) {
    make_log(parsed.options.log_level, parsed.options.log_format)->error("{}", problem.what());
    return kNotStarted;
  }
}
