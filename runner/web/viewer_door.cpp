#include "runner/web/viewer_door.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <utility>
#include <vector>

#include "common/hash/sha256.h"
#include "common/result/denied.h"
#include "common/result/try.h"
#include "common/text/presentable.h"
#include "runner/cluster/connection.h"
#include "runner/cluster/interrupt.h"
#include "runner/cluster/plain_error.h"
#include "runner/web/cluster_world.h"
#include "runner/web/replies.h"
#include "runner/web/visit_book.h"

namespace parallelrun::web {
namespace {

using Clock = std::chrono::steady_clock;
using kube::ApiFailure;

constexpr std::size_t kMostVisits = 50;
constexpr std::size_t kThreadsOfProofs = 4;
constexpr std::size_t kMostProofs = 64;  // that wait
constexpr std::size_t kMostBurials = 1000;
constexpr std::chrono::seconds kBetweenLooks{1};

// What the API server says of a token.
struct Proof {
  enum class Kind { kGood, kUnknown, kNoRight, kFailed };
  Kind kind = Kind::kFailed;
  HttpServer::Reply refusal;  // not of kGood
  // Of a viewer who had none.
  std::shared_ptr<cluster::Connection> prover;
  std::unique_ptr<World> world;
};

Proof refuted(Proof::Kind kind, HttpServer::Reply reply) {
  return {kind, std::move(reply), nullptr, nullptr};
}

// Lists one job, which is exactly what the list of jobs needs the right for.
Proof ask_api_server(cluster::Connection& connection, const std::string& name_space,
                     const std::stop_token& stop) {
  const kube::Resource jobs{"parallelrun.dev", "v1alpha1", "parallelrunjobs"};
  const auto page = connection.client().list_page(jobs, name_space, {}, 1, "", stop);
  if (page.ok()) return {Proof::Kind::kGood, {}, nullptr, nullptr};
  if (page.error().failure == ApiFailure::kUnauthorized)
    return refuted(
        Proof::Kind::kUnknown,
        sign_in_refusal("the API server does not know your token: it is wrong, or it has ended; sign "
                        "in with a new one"));
  const Error error = cluster::plain_error(page.error(), {"list", cluster::kJobsInWords, name_space, ""},
                                           connection.server());
  if (page.error().failure != ApiFailure::kForbidden) return refuted(Proof::Kind::kFailed, refusal(error));
  return refuted(Proof::Kind::kNoRight,
                 refusal(403, "Namespace",
                         name_space.empty() ? "you have no right to list the jobs of all namespaces; name a "
                                              "namespace whose jobs you may list"
                                            : error.message));
}

Result<Proof> first_proof(const ViewerOptions& options, const Claim& claim, cluster::Cancellation& stop) {
  ClusterWorldOptions world;
  ASSIGN_OR_RETURN(kube::ClusterAddress address, options.address());
  world.viewer = cluster::Viewer{std::move(address), claim.token};
  world.choice.name_space = claim.name_space;
  world.all_namespaces = claim.name_space.empty();
  ASSIGN_OR_RETURN(auto connection, cluster::Connection::open(*world.viewer, claim.name_space));
  Proof proof = ask_api_server(*connection, claim.name_space, stop.token());
  if (proof.kind != Proof::Kind::kGood) return proof;
  ASSIGN_OR_RETURN(proof.world, make_cluster_world(world, stop));
  proof.prover = std::move(connection);
  return proof;
}

class ViewerDoor final : public Door, public std::enable_shared_from_this<ViewerDoor> {
 public:
  ViewerDoor(boost::asio::io_context& io, std::string version, ViewerOptions options)
      : io_(io),
        version_(std::move(version)),
        options_(std::make_shared<const ViewerOptions>(std::move(options))),
        book_(kMostVisits),
        timer_(io),
        burials_(std::in_place, 1, kMostBurials),
        proofs_(std::in_place, kThreadsOfProofs, kMostProofs) {}

  std::optional<HttpServer::Reply> stranger(const HttpServer::Header& header, bool data) const override {
    return refusal_of(options_->rules, header, data);
  }

  void enter(const HttpServer::Header& header, Inside inside, HttpServer::ReplyTo reply) override {
    Claim claim = claim_of(options_->rules, header);
    const std::string key = sha256_hex(claim.name_space + "\n" + claim.token);
    if (book_.may_enter(key, Clock::now())) return inside(*visits_.at(key).desk, std::move(reply));
    prove(key, std::move(claim), Waiting{std::move(inside), std::move(reply)});
  }

  void close() override {
    timer_.cancel();
    for (auto& [key, proving] : proving_) proving.stop->request();
    proofs_.reset();
    proving_.clear();
    while (!visits_.empty()) end(visits_.begin()->first);
    burials_.reset();
  }

 private:
  struct Waiting {
    Inside inside;
    HttpServer::ReplyTo reply;
  };
  // A question to the API server that is under way, and the requests that wait for its answer.
  struct Proving {
    Claim claim;
    std::shared_ptr<cluster::Cancellation> stop;
    std::vector<Waiting> waiting;
  };
  // The last member goes first: what uses the others.
  struct Visit {
    Claim claim;
    std::shared_ptr<cluster::Cancellation> stop;
    std::shared_ptr<cluster::Connection> prover;
    std::shared_ptr<Desk> desk;
  };
  struct Remains {
    std::shared_ptr<cluster::Cancellation> stop;
    std::shared_ptr<cluster::Connection> prover;
    std::shared_ptr<void> workers;
  };

  // One question for each key at a time: who comes second waits for the same answer.
  void prove(const std::string& key, Claim claim, std::optional<Waiting> waiting) {
    const auto found = proving_.find(key);
    if (found != proving_.end()) {
      if (waiting) found->second.waiting.push_back(std::move(*waiting));
      return;
    }
    const auto visit = visits_.find(key);
    const bool known = visit != visits_.end();
    const auto stop = known ? visit->second.stop : std::make_shared<cluster::Cancellation>();
    const auto prover = known ? visit->second.prover : nullptr;
    const bool taken =
        proofs_->submit([weak = weak_from_this(), &io = io_, options = options_, stop, prover, key, claim] {
          auto proof = prover ? Result<Proof>(ask_api_server(*prover, claim.name_space, stop->token()))
                              : first_proof(*options, claim, *stop);
          const auto result = std::make_shared<Proof>(
              proof ? std::move(proof).value() : refuted(Proof::Kind::kFailed, refusal(proof.error())));
          boost::asio::post(io, [weak, key, stop, result] {
            if (const auto self = weak.lock()) self->on_proof(key, stop, *result);
          });
        });
    if (!taken) {
      if (waiting)
        waiting->reply(
            refusal(503, "Unreachable", "the server has too much to do; try it again in a moment"));
      return;
    }
    Proving& proving = proving_[key];
    proving.claim = std::move(claim);
    proving.stop = stop;
    if (waiting) proving.waiting.push_back(std::move(*waiting));
  }

  void on_proof(const std::string& key, const std::shared_ptr<cluster::Cancellation>& stop, Proof& proof) {
    const auto found = proving_.find(key);
    // Closed meanwhile.
    if (found == proving_.end() || found->second.stop != stop) return bury(stop, std::move(proof));
    const Proving done = std::move(found->second);
    proving_.erase(found);
    if (proof.kind == Proof::Kind::kGood) {
      if (take_in(key, done.claim, stop, proof)) {
        for (const Waiting& one : done.waiting) one.inside(*visits_.at(key).desk, one.reply);
        return;
      }
      const HttpServer::Reply full =
          refusal(503, "Unreachable",
                  fmt::format("{} viewers are here already, as many as this server takes; try it again later",
                              kMostVisits));
      bury(stop, std::move(proof));
      for (const Waiting& one : done.waiting) one.reply(full);
      return;
    }
    if (proof.kind != Proof::Kind::kFailed) end(key);
    for (const Waiting& one : done.waiting) one.reply(proof.refusal);
  }

  // False: there is no place.
  bool take_in(const std::string& key, const Claim& claim, const std::shared_ptr<cluster::Cancellation>& stop,
               Proof& proof) {
    if (!book_.accept(key, Clock::now())) return false;
    const auto [visit, fresh] = visits_.try_emplace(key);
    if (!fresh) {
      visit->second.desk->set_silent(false);
      return true;
    }
    std::vector<std::unique_ptr<World>> worlds;
    worlds.push_back(std::move(proof.world));
    visit->second = {claim, stop, std::move(proof.prover),
                     std::make_shared<Desk>(io_, version_, std::move(worlds))};
    visit->second.desk->open();
    if (visits_.size() == 1) tick();
    return true;
  }

  void tick() {
    timer_.expires_after(kBetweenLooks);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto self = weak.lock();
      if (error || !self || self->visits_.empty()) return;
      self->look_after_visits();
      if (!self->visits_.empty()) self->tick();
    });
  }

  void look_after_visits() {
    const auto now = Clock::now();
    const VisitBook::Due due = book_.due(now, [this](const std::string& key) {
      const Desk& desk = *visits_.at(key).desk;
      return desk.streams() > 0 || desk.waiting() > 0;
    });
    for (const std::string& key : due.end)
      if (!proving_.contains(key)) end(key);
    for (const std::string& key : due.prove) prove(key, visits_.at(key).claim, std::nullopt);
    for (const auto& [key, visit] : visits_) visit.desk->set_silent(!book_.proved(key, now));
  }

  // Its streams end, its questions get no answer, and its token is forgotten.
  void end(const std::string& key) {
    book_.forget(key);
    const auto found = visits_.find(key);
    if (found == visits_.end()) return;
    const Visit visit = std::move(found->second);
    visits_.erase(found);
    visit.stop->request();
    bury({visit.stop, visit.prover, visit.desk->close()});
  }

  void bury(const std::shared_ptr<cluster::Cancellation>& stop, Proof proof) {
    stop->request();
    bury({stop, std::move(proof.prover), std::shared_ptr<World>(std::move(proof.world))});
  }

  // Calls that are under way end soon, but not at once: not on the thread that serves everybody.
  void bury(Remains remains) {
    burials_->submit([kept = std::make_shared<Remains>(std::move(remains))] {});
  }

  boost::asio::io_context& io_;
  const std::string version_;
  const std::shared_ptr<const ViewerOptions> options_;
  VisitBook book_;
  std::map<std::string, Visit> visits_;  // by a digest of namespace and token
  std::map<std::string, Proving> proving_;
  boost::asio::steady_timer timer_;
  std::optional<WorkerPool> burials_;
  std::optional<WorkerPool> proofs_;
};

}  // namespace

std::shared_ptr<Door> make_viewer_door(boost::asio::io_context& io, std::string version,
                                       ViewerOptions options) {
  return std::make_shared<ViewerDoor>(io, std::move(version), std::move(options));
}

}  // namespace parallelrun::web
