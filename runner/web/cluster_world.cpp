#include "runner/web/cluster_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <list>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "common/json/members.h"
#include "common/kube/informer.h"
#include "common/result/denied.h"
#include "common/result/try.h"
#include "common/text/presentable.h"
#include "runner/cluster/jobs.h"
#include "runner/cluster/look.h"
#include "runner/cluster/plain_error.h"
#include "runner/cluster/rights.h"
#include "runner/web/cluster_line.h"
#include "runner/web/followed_logs.h"
#include "runner/web/kept_answers.h"
#include "runner/web/output_answers.h"
#include "runner/web/pod_answers.h"

namespace parallelrun::web {
namespace {

using cluster::JobView;
using nlohmann::json;
using nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostGoneJobs = 1000;
constexpr std::size_t kMostNamespaces = 64;  // with a connection of their own
constexpr std::size_t kMostAnswer = std::size_t{16} << 20U;
// A pod that nobody deletes, since the viewer's token has ended, goes after that. FollowedLogs makes the
// next one.
constexpr std::chrono::minutes kOneFollow{10};
constexpr std::chrono::seconds kUntilPod{30};  // until there is a place for one more
constexpr std::chrono::milliseconds kPodYet{100};
constexpr std::chrono::seconds kRightsKept{60};
constexpr std::chrono::seconds kUntilListed{5};
constexpr std::chrono::milliseconds kListedYet{20};
constexpr int kMostEvents = 200;
constexpr std::int64_t kMostNodesOfJob = 10'000;
// What a page of a job asks for first: one pod answers all of it.
constexpr std::array kFirstQuestions = {"explain", "timeline", "errors", "logs"};

constexpr const char* kOtherRelease =
    "the pod that looks at the output wrote no answer; its runner image may be of another release than this "
    "program";
constexpr const char* kEnded = "No run of the job is at work any more, so this log does not grow.";

Error deleted() {
  return {ErrorCode::kNotFound,
          "there is no such job any more: it was deleted from the cluster; go back to the list"};
}

Result<std::unique_ptr<cluster::Connection>> open_connection(const ClusterWorldOptions& options,
                                                             const std::string& name_space) {
  if (options.viewer) return cluster::Connection::open(*options.viewer, name_space);
  cluster::ClusterChoice choice = options.choice;
  choice.name_space = name_space;
  return cluster::Connection::open(choice);
}

class ClusterWorld final : public World {
 public:
  ClusterWorld(std::unique_ptr<cluster::Connection> connection, const ClusterWorldOptions& options,
               cluster::Cancellation& interrupt, Places::Place place)
      : options_(options),
        interrupt_(interrupt),
        place_(std::move(place)),
        connection_(std::move(connection)),
        kept_(options.tenant),
        informer_(connection_->client(), informer_options(),
                  [this](const std::vector<kube::CacheChange>& changes) { take(changes); }),
        watch_([this](const std::stop_token& stop) { informer_.run(stop); }),
        followed_(options.tenant,
                  [this](const std::string& id, const std::string& path, const FollowedLogs::Reader& reader,
                         cluster::Cancellation& stop) { return read_growing(id, path, reader, stop); }) {}

  // Until the list is there, or cannot be had, or has taken too long.
  void await_list() {
    const auto until = Clock::now() + kUntilListed;
    while (!informer_.synced() && !informer_.last_error() && Clock::now() < until)
      if (!interrupt_.wait(kListedYet)) return;
  }

  void describe(ordered_json& about) const override {
    ordered_json& cluster = about["cluster"];
    if (cluster.is_object()) {  // this is a further namespace of the same
      cluster["namespace"] = cluster["namespace"].get<std::string>() + ", " + name_space();
      return;
    }
    cluster = {{"context", options_.choice.context.empty() ? connection_->server() : options_.choice.context},
               {"server", connection_->server()},
               {"namespace", name_space()}};
  }

  bool owns(const std::string& id) const override {
    return id.starts_with(options_.all_namespaces ? "c" : id_begin(connection_->name_space()));
  }

  JobLines jobs() override {
    JobLines lines;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [key, known] : jobs_) lines.jobs.push_back({known.id, known.text});
    }
    std::string unread = why_unread();
    if (!unread.empty()) lines.unread.push_back(std::move(unread));
    return lines;
  }

  Changes changes(std::uint64_t since, const std::vector<std::string>&) override {
    std::string unread = why_unread();
    const std::lock_guard lock(mutex_);
    if (unread != unread_) {
      unread_ = std::move(unread);
      unread_version_ = ++version_;
    }
    Changes changes;
    changes.version = version_;
    if (since == 0) return changes;
    changes.unread = unread_version_ > since;
    for (const auto& [key, known] : jobs_)
      if (known.changed > since) changes.changed.push_back({known.id, known.text});
    for (const auto& [id, version] : gone_)
      if (version > since) changes.gone.push_back(id);
    return changes;
  }

  Result<ordered_json> job(const std::string& id) override {
    ASSIGN_OR_RETURN(const Found found, find(id));
    const JobView view = cluster::job_view(found.object);
    ordered_json job = cluster_line(id, found.object);
    job["outputFile"] = view.output_file;
    job["format"] = text_at(object_at(object_at(found.object, "spec"), "output"), "format");
    job["output"] = view.output;
    job["nodes"] = view.nodes;
    job["nodesReady"] = view.nodes_ready;
    job["conditions"] = ordered_json(to_json(view)["conditions"]);
    job["manifest"] = cluster_manifest(found.object);
    std::vector<std::string> warnings = warnings_of(view.progress);
    job["events"] = events(*found.connection, view.name, warnings);
    job["pods"] = pods(*found.connection, view.name, warnings);
    job["warnings"] = warnings;
    job["verbs"] = verbs(*found.connection, view);
    for (ordered_json& verb : job["verbs"]) verb.erase("state");
    return job;
  }

  Result<ordered_json> answer(const std::string& id, const std::string& about,
                              const Target& target) override {
    if (about == "difference")
      return ordered_json{{"previous", ""},
                          {"fields", ordered_json::array()},
                          {"note", "a job of a cluster is compared with no other"}};
    std::string question = about;
    if (!target.query.empty()) question += "?" + query_text(target.query);
    if (options_.viewer) RETURN_IF_ERROR(may_look(id));
    if (about == "log") {
      ASSIGN_OR_RETURN(const LogRange range, log_range(target));
      const std::string path = target.text("path");
      if (auto piece = followed_.piece(id, path, range)) return log_answer(path, std::move(*piece));
    }
    if (auto kept = kept_.find(id, question)) return std::move(*kept);
    // One pod for each job at a time: who comes second finds what the first one brought.
    const auto turn = turn_of(id);
    const std::lock_guard lock(*turn);
    if (auto kept = kept_.find(id, question)) return std::move(*kept);
    ASSIGN_OR_RETURN(const Found found, find(id));
    std::vector<std::string> questions = {question};
    for (const char* first : kFirstQuestions)
      if (first != question && !kept_.find(id, first)) questions.emplace_back(first);
    ASSIGN_OR_RETURN(const Places::Place place, place_for_pod());
    ASSIGN_OR_RETURN(const std::string text, ask_pod(found, questions));
    auto answers = answers_from(text, questions.size());
    if (!answers) return Error{ErrorCode::kCorrupt, kOtherRelease};
    const bool ended = cluster::job_view(found.object).ended();
    for (std::size_t i = 0; i < questions.size(); ++i)
      if ((*answers)[i]) kept_.keep(id, questions[i], (*answers)[i].value(), ended);
    return std::move(answers->front());
  }

  void follow(std::vector<FollowedLog>& logs) override { followed_.follow(logs); }

  Result<Deed> act(const std::string& id, const std::string& verb, const json& arguments) override {
    ASSIGN_OR_RETURN(const Found found, find(id));
    const JobView view = cluster::job_view(found.object);
    const ordered_json known = verbs(*found.connection, view);
    if (!known.contains(verb))
      return Error{ErrorCode::kConflict, "there is no such verb: " + presentable(verb)};
    if (!known[verb]["allowed"].get<bool>())
      return Error{known[verb].value("state", true) ? ErrorCode::kConflict : kDenied,
                   known[verb]["why"].get<std::string>()};
    cluster::Jobs jobs(*found.connection, interrupt_.token());
    if (verb == "cancel") {
      RETURN_IF_ERROR(jobs.remove(view.name, view.uid));
      return Deed{
          fmt::format("{} is cancelled and deleted{}; the same job, submitted again, goes on from what "
                      "was committed",
                      view.name, view.output.empty() ? "" : ". Its output and logs stay: " + view.output),
          ""};
    }
    json spec = json::object();
    std::string done = fmt::format("{} goes on where it stopped", view.name);
    if (verb == "scale") {
      const std::int64_t nodes = number_at(arguments, "nodes").value_or(-1);
      if (nodes < 1 || nodes > kMostNodesOfJob)
        return Error{ErrorCode::kInvalidArgument,
                     fmt::format("nodes must be a whole number from 1 to {}, as in {{\"nodes\": 3}}",
                                 kMostNodesOfJob)};
      spec["nodeCount"] = nodes;
      done = fmt::format("{} has {} nodes in place of {}{}", view.name, nodes, view.nodes,
                         view.suspend ? ", once it goes on: it is suspended" : "");
    } else {
      spec["suspend"] = verb == "suspend";
      if (verb == "suspend")
        done = fmt::format("{} will be suspended: its pods end, and what is committed stays", view.name);
    }
    // The one that was shown, not another one that got its name meanwhile.
    const auto patched =
        jobs.patch(view.name, {{"metadata", {{"uid", view.uid}}}, {"spec", std::move(spec)}});
    if (!patched) return patched.error();
    return Deed{done, ""};
  }

 private:
  struct Known {
    std::string id;
    std::string text;
    std::uint64_t changed = 0;
  };
  struct Found {
    json object;
    cluster::Connection* connection;
  };
  // Why the list is not the one of now; empty: it is.
  std::string why_unread() const {
    if (const auto error = informer_.last_error())
      return cluster::plain_error(*error, {"list", cluster::kJobsInWords, name_space(), ""},
                                  connection_->server())
          .message;
    if (!informer_.synced()) return fmt::format("the jobs of {} are being listed", connection_->server());
    return "";
  }

  std::string name_space() const { return options_.all_namespaces ? "" : connection_->name_space(); }

  kube::Informer::Options informer_options() const {
    kube::Informer::Options options;
    options.resource = {"parallelrun.dev", "v1alpha1", "parallelrunjobs"};
    options.name_space = name_space();
    options.state.random = [engine = std::make_shared<std::minstd_rand>(std::random_device()())] {
      return std::uniform_real_distribution<double>()(*engine);
    };
    options.state.longest_backoff = std::chrono::seconds(5);  // somebody is looking
    options.state.trim = [](json& object) { keep_line(object); };
    return options;
  }

  void take(const std::vector<kube::CacheChange>& changes) {
    const std::lock_guard lock(mutex_);
    for (const kube::CacheChange& change : changes) {
      if (change.kind == kube::CacheChange::Kind::kDeleted) {
        const auto found = jobs_.find(change.key);
        if (found == jobs_.end()) continue;
        gone_.emplace_back(found->second.id, ++version_);
        if (gone_.size() > kMostGoneJobs) gone_.pop_front();
        keys_.erase(found->second.id);
        jobs_.erase(found);
        continue;
      }
      const json object = change.after.unpack();
      const std::string id = id_of_job(object);
      Known& known = jobs_[change.key];
      if (!known.id.empty() && known.id != id) keys_.erase(known.id);
      known.id = id;
      known.text = answer_text(cluster_line(id, object));
      known.changed = ++version_;
      keys_[id] = change.key;
    }
  }

  // The job as the cluster has it now.
  Result<Found> find(const std::string& id) {
    kube::ObjectKey key;
    {
      const std::lock_guard lock(mutex_);
      const auto found = keys_.find(id);
      if (found == keys_.end()) return deleted();
      key = found->second;
    }
    ASSIGN_OR_RETURN(cluster::Connection* const connection, connection_to(key.name_space));
    cluster::Jobs jobs(*connection, interrupt_.token());
    ASSIGN_OR_RETURN(std::optional<json> object, jobs.find(key.name));
    if (!object || id_of_job(*object) != id) return deleted();
    return Found{std::move(*object), connection};
  }

  Result<cluster::Connection*> connection_to(const std::string& name_space) {
    if (name_space == connection_->name_space()) return connection_.get();
    const std::lock_guard lock(connections_mutex_);
    const auto found = connections_.find(name_space);
    if (found != connections_.end()) return found->second.get();
    if (connections_.size() >= kMostNamespaces)
      return Error{
          ErrorCode::kUnavailable,
          fmt::format("jobs of {} namespaces were opened already; start `parallelrun ui -n {}` for this "
                      "one",
                      kMostNamespaces, presentable(name_space))};
    ASSIGN_OR_RETURN(auto opened, open_connection(options_, name_space));
    return connections_.emplace(name_space, std::move(opened)).first->second.get();
  }

  ordered_json events(cluster::Connection& connection, const std::string& name,
                      std::vector<std::string>& warnings) {
    ordered_json list = ordered_json::array();
    cluster::Jobs jobs(connection, interrupt_.token());
    auto found = jobs.events("ParallelRunJob", name, kMostEvents);
    if (!found) {
      warnings.push_back("its events are not shown: " + found.error().message);
      return list;
    }
    for (const json& event : *found) list.push_back(cluster_event(event));
    std::sort(list.begin(), list.end(),
              [](const ordered_json& a, const ordered_json& b) { return a["last"] > b["last"]; });
    return list;
  }

  ordered_json pods(cluster::Connection& connection, const std::string& name,
                    std::vector<std::string>& warnings) {
    ordered_json list = ordered_json::array();
    cluster::Jobs jobs(connection, interrupt_.token());
    const auto found = jobs.pods(name);
    if (!found) warnings.push_back("its pods are not shown: " + found.error().message);
    if (found)
      for (const json& pod : *found) list.push_back(ordered_json(to_json(cluster::pod_view(pod))));
    return list;
  }

  // Empty: the user has it.
  std::string missing(cluster::Connection& connection, const std::string& verb) {
    const std::string key = connection.name_space() + "/" + verb;
    {
      const std::lock_guard lock(mutex_);
      const auto found = rights_.find(key);
      if (found != rights_.end() && found->second.second > Clock::now()) return found->second.first;
    }
    auto missing = cluster::missing_right(connection, verb, "parallelrunjobs", interrupt_.token());
    // Not known is no reason to refuse: the API server decides.
    if (!missing) return "";
    const std::lock_guard lock(mutex_);
    rights_[key] = {*missing, Clock::now() + kRightsKept};
    return *missing;
  }

  // What is kept was brought by rights that may be gone by now.
  Status may_look(const std::string& id) {
    ASSIGN_OR_RETURN(const Found found, find(id));
    for (const auto& [verb, resource] : {std::pair("create", "pods"), std::pair("get", "pods/log")}) {
      ASSIGN_OR_RETURN(const std::string missing,
                       cluster::missing_right(*found.connection, verb, resource, interrupt_.token()));
      if (!missing.empty()) return Error{kDenied, missing, false};
    }
    return {};
  }

  ordered_json verbs(cluster::Connection& connection, const JobView& job) {
    const std::string ended = job.ended() ? fmt::format("the job has ended ({})", job.state) : "";
    const std::string patch = missing(connection, "patch");
    const std::string remove = missing(connection, "delete");
    std::string where = " -n " + job.name_space;
    if (!options_.choice.context.empty()) where += " --context " + options_.choice.context;
    if (!options_.choice.kubeconfig.empty()) where += " --kubeconfig " + options_.choice.kubeconfig;
    const auto one = [&](const std::string& verb, const std::string& right, const std::string& state) {
      const std::string why = !state.empty() ? state : right;
      const std::string words = verb == "scale" ? job.name + " --nodes {nodes}" : job.name;
      return ordered_json{{"allowed", why.empty()},
                          {"why", why},
                          {"command", "parallelrun " + verb + " " + words + where},
                          {"state", !state.empty()}};  // and no missing right
    };
    const auto state = [&](bool right_one, const char* otherwise) {
      return !ended.empty() ? ended : right_one ? std::string() : std::string(otherwise);
    };
    const auto in_terminal = [&](const char* settings) {
      return fmt::format("a page submits no job to a cluster: `parallelrun resubmit {}{}{}` does", job.name,
                         settings, where);
    };
    return {{"cancel", one("cancel", remove, ended)},
            {"suspend", one("suspend", patch, state(!job.suspend, "the job is suspended already"))},
            {"resume", one("resume", patch, state(job.suspend, "the job is not suspended"))},
            {"scale", one("scale", patch, ended)},
            {"resubmit", {{"allowed", false}, {"why", in_terminal(" --set FIELD=VALUE")}, {"command", ""}}},
            {"retryFailed", {{"allowed", false}, {"why", in_terminal("")}, {"command", ""}}}};
  }

  // Others have pods at work; each ends soon.
  Result<Places::Place> place_for_pod() {
    const auto until = Clock::now() + kUntilPod;
    while (true) {
      auto place = options_.tenant.take(Places::Kind::kPods);
      if (place || Clock::now() >= until) return place;
      if (!interrupt_.wait(kPodYet)) return Error{ErrorCode::kAborted, "interrupted", false};
    }
  }

  // Reads a log while it grows, for FollowedLogs.
  FollowedLogs::Over read_growing(const std::string& id, const std::string& path,
                                  const FollowedLogs::Reader& reader, cluster::Cancellation& stop) {
    const std::stop_callback on_interrupt(interrupt_.token(), [&stop] { stop.request(); });
    const auto found = find(id);
    if (!found) return {found.error().message, true};
    if (cluster::job_view(found->object).ended()) return {kEnded, true};
    cluster::Jobs jobs(*found->connection, stop.token());
    cluster::Look look;
    look.job = text_at(object_at(found->object, "metadata"), "name");
    look.verb = "answer";
    look.arguments = {"--follow", "--", path};
    look.follow_for = kOneFollow;
    bool ours = true;
    look.take = [&](std::string_view bytes) { return ours = reader.take(bytes); };
    look.say = reader.say;
    const auto end = cluster::look(jobs, stop, look);
    if (!ours) return {kOtherRelease, true};
    if (end && end->exit_code == 0) return {kEnded, true};
    // A job that was deleted takes the pod along.
    const auto still = find(id);
    if (!still) return {still.error().message, true};
    if (!end) return {"This log is not followed: " + presentable(end.error().message)};
    return {"This log is not followed: the pod that reads it says: " +
            (end->errors.empty() ? "nothing" : presentable_lines(end->errors))};
  }

  Result<std::string> ask_pod(const Found& found, const std::vector<std::string>& questions) {
    cluster::Jobs jobs(*found.connection, interrupt_.token());
    std::string text;
    cluster::Look look;
    look.job = text_at(object_at(found.object, "metadata"), "name");
    look.verb = "answer";
    look.arguments = {"--"};
    look.arguments.insert(look.arguments.end(), questions.begin(), questions.end());
    look.take = [&text](std::string_view bytes) {
      text += bytes;
      return text.size() <= kMostAnswer;
    };
    look.say = [](const std::string&) {};
    ASSIGN_OR_RETURN(const cluster::LookEnd end, cluster::look(jobs, interrupt_, look));
    if (end.exit_code != 0)
      return Error{ErrorCode::kUnavailable,
                   "the pod that looks at the output says: " +
                       (end.errors.empty() ? "nothing" : presentable_lines(end.errors))};
    return text;
  }

  std::shared_ptr<std::mutex> turn_of(const std::string& id) {
    const std::lock_guard lock(turns_mutex_);
    std::erase_if(turns_, [](const auto& entry) { return entry.second.use_count() == 1; });
    auto& turn = turns_[id];
    if (!turn) turn = std::make_shared<std::mutex>();
    return turn;
  }

  const ClusterWorldOptions options_;
  cluster::Cancellation& interrupt_;
  const Places::Place place_;
  std::unique_ptr<cluster::Connection> connection_;

  std::mutex connections_mutex_;
  std::map<std::string, std::unique_ptr<cluster::Connection>> connections_;  // by namespace

  std::mutex turns_mutex_;
  std::map<std::string, std::shared_ptr<std::mutex>> turns_;
  KeptAnswers kept_;

  std::mutex mutex_;  // all below
  std::map<kube::ObjectKey, Known> jobs_;
  std::map<std::string, kube::ObjectKey> keys_;  // by id
  std::list<std::pair<std::string, std::uint64_t>> gone_;
  std::map<std::string, std::pair<std::string, Clock::time_point>> rights_;
  std::uint64_t version_ = 1;
  std::string unread_;  // what why_unread() said the last time
  std::uint64_t unread_version_ = 0;

  kube::Informer informer_;
  // Last: they use the above.
  std::jthread watch_;
  FollowedLogs followed_;
};

}  // namespace

Result<std::unique_ptr<World>> make_cluster_world(const ClusterWorldOptions& options,
                                                  cluster::Cancellation& interrupt) {
  ASSIGN_OR_RETURN(auto connection, open_connection(options, options.choice.name_space));
  ASSIGN_OR_RETURN(auto place, options.tenant.take(Places::Kind::kNamespaces));
  auto world = std::make_unique<ClusterWorld>(std::move(connection), options, interrupt, std::move(place));
  if (options.viewer) world->await_list();
  return std::unique_ptr<World>(std::move(world));
}

}  // namespace parallelrun::web
