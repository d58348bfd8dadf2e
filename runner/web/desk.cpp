#include "runner/web/desk.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "runner/web/output_answers.h"
#include "runner/web/replies.h"

namespace parallelrun::web {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kThreadsForJobs = 2;  // of each world
constexpr std::size_t kThreadsForOutputs = 3;
constexpr std::size_t kMostTasks = 64;  // that wait, for each pool

HttpServer::Reply jobs_reply(const std::vector<JobLines>& worlds) {
  std::string text = R"({"jobs":[)";
  ordered_json unread = ordered_json::array();
  bool first = true;
  for (const JobLines& lines : worlds) {
    for (const JobLine& line : lines.jobs) {
      if (!std::exchange(first, false)) text += ',';
      text += line.text;
    }
    for (const std::string& one : lines.unread) unread.push_back(one);
  }
  return data_reply(200, text + R"(],"unread":)" + answer_text(std::move(unread)) + "}");
}

}  // namespace

Desk::Desk(boost::asio::io_context& io, std::string version, std::vector<std::unique_ptr<World>> worlds,
           Tenant tenant)
    : io_(io),
      version_(std::move(version)),
      tenant_(std::move(tenant)),
      workers_(std::make_shared<Workers>()) {
  workers_->worlds = std::move(worlds);
}

Desk::~Desk() = default;

void Desk::open() {
  for (std::size_t i = 0; i < workers_->worlds.size(); ++i)
    workers_->pools.push_back({std::make_unique<WorkerPool>(kThreadsForJobs, kMostTasks), nullptr});
  streams_.emplace(io_, workers_->worlds.size(),
                   [this](std::size_t world, std::uint64_t since, std::vector<std::string> watched,
                          std::vector<FollowedLog> logs) {
                     return look(world, since, std::move(watched), std::move(logs));
                   });
}

std::size_t Desk::streams() const { return streams_ ? streams_->size() : 0; }

std::shared_ptr<void> Desk::close() {
  waiting_.clear();
  streams_.reset();
  return std::exchange(workers_, nullptr);
}

void Desk::handle_question(const Target& target, ReplyTo reply) {
  const auto& path = target.path;
  if (path.size() == 2 && path[1] == "worlds") return reply(data_reply(about()));
  if (path.size() == 2 && path[1] == "events") return reply(events(target));
  if (path.size() == 2 && path[1] == "jobs") return list(std::move(reply));
  if (path.size() < 3 || path.size() > 4 || path[1] != "jobs")
    return reply(refusal(404, "NotFound", "there is no such address; docs/ui.md lists them"));
  const std::optional<std::size_t> world = world_of(path[2]);
  if (!world) return reply(refusal(404, "NotFound", "there is no such job; go back to the list"));
  const bool of_job = path.size() == 3;
  ask(*world, of_job ? Lane::kJobs : Lane::kOutputs, std::move(reply), [target, of_job](World& asked) {
    return data_reply(of_job ? asked.job(target.path[2])
                             : asked.answer(target.path[2], target.path[3], target));
  });
}

void Desk::handle_deed(const Target& target, const std::string& body, ReplyTo reply) {
  const auto& path = target.path;
  if (path.size() != 4 || path[1] != "jobs")
    return reply(refusal(404, "NotFound", "a POST goes to /api/jobs/ID/VERB"));
  json arguments = body.empty() ? json::object() : json::parse(body, nullptr, false);
  if (!arguments.is_object())
    return reply(refusal(400, "Invalid", "the body of a POST must be a JSON object, such as {\"nodes\": 3}"));
  const std::optional<std::size_t> world = world_of(path[2]);
  if (!world) return reply(refusal(404, "NotFound", "there is no such job; go back to the list"));
  ask(*world, Lane::kJobs, std::move(reply), [id = path[2], verb = path[3], arguments](World& asked) {
    const auto done = asked.act(id, verb, arguments);
    if (!done) return refusal(done.error());
    ordered_json answer = {{"message", done->message}};
    if (!done->job.empty()) answer["job"] = done->job;
    return data_reply(200, answer_text(std::move(answer)));
  });
}

ordered_json Desk::about() const {
  ordered_json about = {{"version", version_}, {"directories", ordered_json::array()}, {"cluster", nullptr}};
  for (const auto& world : workers_->worlds) world->describe(about);
  return about;
}

std::optional<std::size_t> Desk::world_of(const std::string& id) const {
  for (std::size_t i = 0; i < workers_->worlds.size(); ++i)
    if (workers_->worlds[i]->owns(id)) return i;
  return std::nullopt;
}

Desk::Reply Desk::events(const Target& target) {
  std::string job = target.text("job");
  std::string log = target.text("path");
  if (!job.empty() && !world_of(job))
    return refusal(404, "NotFound", "there is no such job; go back to the list");
  streams_->drop_closed();
  auto place = tenant_.take(Places::Kind::kPages);
  if (!place) return refusal(place.error());
  auto stream = streams_->add(std::move(job), std::move(log), std::move(place).value());
  return {.status = 200,
          .body = "",
          .content_type = "text/event-stream",
          // The second one is for proxies, which must not hold news back.
          .headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}},
          .stream = std::move(stream)};
}

// Each world is asked on its own threads: one that does not answer holds up no other.
void Desk::list(ReplyTo reply) {
  struct Gathered {
    std::vector<JobLines> lines;
    std::size_t missing = 0;
    ReplyTo reply;
  };
  const auto gathered = std::make_shared<Gathered>();
  gathered->lines.resize(workers_->worlds.size());
  gathered->missing = workers_->worlds.size();
  gathered->reply = std::move(reply);
  const std::uint64_t number = ++numbers_;
  waiting_.emplace(number, [gathered](const Answered& answered) {
    gathered->lines[answered.world] = answered.lines;
    if (--gathered->missing > 0) return false;
    gathered->reply(jobs_reply(gathered->lines));
    return true;
  });
  for (std::size_t i = 0; i < workers_->worlds.size(); ++i) {
    const bool taken =
        submit(i, Lane::kJobs, number, [i](World& world) { return Answered{i, {}, world.jobs(), {}}; });
    if (!taken)
      answered(number,
               Answered{i, {}, {{}, {"a list of jobs is missing: the server has too much to do"}}, {}});
  }
}

void Desk::ask(std::size_t world, Lane lane, ReplyTo reply, std::function<Reply(World&)> question) {
  const std::uint64_t number = ++numbers_;
  const bool taken = submit(world, lane, number, [world, question = std::move(question)](World& asked) {
    return Answered{world, question(asked), {}, {}};
  });
  if (!taken)
    return reply(refusal(503, "Unreachable", "the server has too much to do; try it again in a moment"));
  waiting_.emplace(number, [reply = std::move(reply)](const Answered& answered) {
    reply(answered.reply);
    return true;
  });
}

bool Desk::look(std::size_t world, std::uint64_t since, std::vector<std::string> watched,
                std::vector<FollowedLog> logs) {
  if (silent_) return false;
  const std::uint64_t number = ++numbers_;
  const bool taken =
      submit(world, Lane::kJobs, number,
             [world, since, watched = std::move(watched), logs = std::move(logs)](World& asked) {
               Answered answered{world, {}, {}, {}};
               answered.news.changes = asked.changes(since, watched);
               for (const FollowedLog& log : logs)
                 if (asked.owns(log.job)) answered.news.logs.push_back(log);
               asked.follow(answered.news.logs);
               return answered;
             });
  if (taken)
    waiting_.emplace(number, [this](const Answered& answered) {
      if (streams_) streams_->took(answered.world, answered.news);
      return true;
    });
  return taken;
}

// What replies is kept here and not with the task: it may only be touched, and destroyed, on this thread.
bool Desk::submit(std::size_t world, Lane lane, std::uint64_t number, std::function<Answered(World&)> task) {
  Pools& pools = workers_->pools[world];
  if (lane == Lane::kOutputs && !pools.outputs)
    pools.outputs = std::make_unique<WorkerPool>(kThreadsForOutputs, kMostTasks);
  WorkerPool& pool = lane == Lane::kJobs ? *pools.jobs : *pools.outputs;
  return pool.submit([weak = weak_from_this(), &asked = *workers_->worlds[world], &io = io_, number,
                      task = std::move(task)] {
    auto result = std::make_shared<Answered>(task(asked));
    boost::asio::post(io, [weak, number, result] {
      if (const auto self = weak.lock()) self->answered(number, *result);
    });
  });
}

void Desk::answered(std::uint64_t number, const Answered& result) {
  const auto found = waiting_.find(number);
  if (found != waiting_.end() && found->second(result)) waiting_.erase(number);
}

}  // namespace parallelrun::web
