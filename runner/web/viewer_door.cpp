#include "runner/web/viewer_door.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <set>
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
#include "runner/web/places.h"
#include "runner/web/refused_world.h"
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
constexpr std::chrono::seconds kBetweenIdleLooks{1};

// What the API server says of a token.
struct Proof {
  enum class Kind { kGood, kUnknown, kNoRight, kFailed };
  Kind kind = Kind::kFailed;
  HttpServer::Reply refusal;  // not of kGood
  // Of kGood: the namespaces among those asked for that he may not list, each with a sentence.
  std::map<std::string, std::string> refused;
  // Of a viewer who had none.
  std::shared_ptr<cluster::Connection> prover;
  std::vector<std::unique_ptr<World>> worlds;
};

Proof refuted(Proof::Kind kind, HttpServer::Reply reply) { return {kind, std::move(reply), {}, nullptr, {}}; }

std::string words_of(const std::map<std::string, std::string>& refused) {
  std::string words;
  for (const auto& [name, sentence] : refused) words += (words.empty() ? "" : "; ") + sentence;
  return words;
}

// Those asked about: "" stands for all of them.
std::vector<std::string> asked_about(const Claim& claim) {
  return claim.name_spaces.empty() ? std::vector<std::string>{""} : claim.name_spaces;
}

// Lists one job of each namespace, which is exactly what the list of jobs needs the right for.
Proof ask_api_server(cluster::Connection& connection, const std::vector<std::string>& name_spaces,
                     const std::stop_token& stop) {
  const kube::Resource jobs{"parallelrun.dev", "v1alpha1", "parallelrunjobs"};
  Proof proof{Proof::Kind::kGood, {}, {}, nullptr, {}};
  for (const std::string& name_space : name_spaces) {
    const auto page = connection.client().list_page(jobs, name_space, {}, 1, "", stop);
    if (page.ok()) continue;
    if (page.error().failure == ApiFailure::kUnauthorized)
      return refuted(
          Proof::Kind::kUnknown,
          sign_in_refusal("the API server does not know your token: it is wrong, or it has ended; sign "
                          "in with a new one"));
    const Error error = cluster::plain_error(page.error(), {"list", cluster::kJobsInWords, name_space, ""},
                                             connection.server());
    if (page.error().failure != ApiFailure::kForbidden) return refuted(Proof::Kind::kFailed, refusal(error));
    proof.refused[name_space] = name_space.empty() ? "you have no right to list the jobs of all namespaces; "
                                                     "name a namespace whose jobs you may list"
                                                   : error.message;
  }
  if (proof.refused.size() < name_spaces.size()) return proof;
  return refuted(Proof::Kind::kNoRight, refusal(403, "Namespace", words_of(proof.refused)));
}

std::string digest_of_token(const Claim& claim) { return sha256_hex(claim.token); }

Result<Proof> first_proof(const ViewerOptions& options, const Tenant& tenant, const Claim& claim,
                          cluster::Cancellation& stop) {
  ClusterWorldOptions world;
  ASSIGN_OR_RETURN(kube::ClusterAddress address, options.address());
  world.viewer = cluster::Viewer{std::move(address), claim.token};
  world.tenant = tenant;
  const std::vector<std::string> asked = asked_about(claim);
  ASSIGN_OR_RETURN(auto connection, cluster::Connection::open(*world.viewer, asked.front()));
  Proof proof = ask_api_server(*connection, asked, stop.token());
  if (proof.kind != Proof::Kind::kGood) return proof;
  for (const std::string& name_space : asked) {
    if (const auto refused = proof.refused.find(name_space); refused != proof.refused.end()) {
      proof.worlds.push_back(make_refused_world(refused->second));
      continue;
    }
    world.choice.name_space = name_space;
    world.all_namespaces = name_space.empty();
    ASSIGN_OR_RETURN(auto made, make_cluster_world(world, stop));
    proof.worlds.push_back(std::move(made));
  }
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
    std::string names;
    for (const std::string& name : claim.name_spaces) names += name + "\n";
    const std::string key = sha256_hex(names + "\n" + claim.token);
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
    std::map<std::string, std::string> refused;
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
    const bool taken = proofs_->submit([weak = weak_from_this(), &io = io_, options = options_,
                                        tenant = tenant_of(claim), stop, prover, key, claim] {
      auto proof = prover ? Result<Proof>(ask_api_server(*prover, asked_about(claim), stop->token()))
                          : first_proof(*options, tenant, claim, *stop);
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
    Proving done = std::move(found->second);
    proving_.erase(found);
    if (proof.kind == Proof::Kind::kGood) {
      const auto visit = visits_.find(key);
      if (visit != visits_.end() && names_of(visit->second.refused) != names_of(proof.refused)) {
        // He may see more now, or less: what was shown ends, and begins anew.
        end(key);
        for (Waiting& one : done.waiting) prove(key, done.claim, std::move(one));
        return;
      }
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
    visit->second = {claim, stop, std::move(proof.prover), std::move(proof.refused),
                     std::make_shared<Desk>(io_, version_, std::move(proof.worlds), tenant_of(claim))};
    visit->second.desk->open();
    if (visits_.size() == 1) tick();
    return true;
  }

  void tick() {
    timer_.expires_after(kBetweenIdleLooks);
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
    bury({stop, std::move(proof.prover),
          std::make_shared<std::vector<std::unique_ptr<World>>>(std::move(proof.worlds))});
  }

  static std::set<std::string> names_of(const std::map<std::string, std::string>& refused) {
    std::set<std::string> names;
    for (const auto& [name, sentence] : refused) names.insert(name);
    return names;
  }

  Tenant tenant_of(const Claim& claim) const { return {places_, digest_of_token(claim)}; }

  // Calls that are under way end soon, but not at once: not on the thread that serves everybody.
  void bury(Remains remains) {
    burials_->submit([kept = std::make_shared<Remains>(std::move(remains))] {});
  }

  boost::asio::io_context& io_;
  const std::string version_;
  const std::shared_ptr<const ViewerOptions> options_;
  const std::shared_ptr<Places> places_ = std::make_shared<Places>();
  VisitBook book_;
  std::map<std::string, Visit> visits_;  // by a digest of namespaces and token
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
