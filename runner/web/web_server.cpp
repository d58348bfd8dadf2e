#include "runner/web/web_server.h"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <optional>
#include <utility>

#include "common/http/http_server.h"
#include "common/result/denied.h"
#include "common/result/try.h"
#include "common/text/presentable.h"
#include "runner/protocol/machine_token.h"
#include "runner/web/event_streams.h"
#include "runner/web/output_answers.h"
#include "runner/web/request.h"
#include "runner/web/worker_pool.h"

namespace parallelrun::web {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kThreadsOfWorld = 3;
constexpr std::size_t kMostTasks = 64;  // that wait, for each world
constexpr std::uint64_t kLargestBody = std::uint64_t{16} << 10U;
constexpr std::uint64_t kMostBodies = std::uint64_t{4} << 20U;
constexpr std::size_t kMostConnections = 256;
constexpr std::chrono::seconds kIdle{30};
constexpr std::string_view kBearer = "Bearer ";
constexpr std::string_view kJson = "application/json";

const HttpServer::Fields& security_fields() {
  static const HttpServer::Fields kFields = {
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
       "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"Cross-Origin-Opener-Policy", "same-origin"}};
  return kFields;
}

struct Kind {
  unsigned status;
  const char* reason;
};

Kind kind_of(ErrorCode code) {
  if (code == kDenied) return {403, "NoRights"};
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kUnsupported:
      return {400, "Invalid"};
    case ErrorCode::kConflict:
      return {409, "Invalid"};
    case ErrorCode::kNotFound:
      return {404, "NotFound"};
    case ErrorCode::kCorrupt:
      return {500, "Damaged"};
    case ErrorCode::kUnavailable:
    case ErrorCode::kAborted:
      return {503, "Unreachable"};
    case ErrorCode::kNoSpace:
      return {507, "Failed"};
    case ErrorCode::kIo:
      break;
  }
  return {500, "Failed"};
}

HttpServer::Reply data_reply(unsigned status, std::string text) {
  return {.status = status,
          .body = std::move(text),
          .content_type = std::string(kJson),
          .headers = {{"Cache-Control", "no-store"}}};
}

HttpServer::Reply refusal(unsigned status, const char* reason, const std::string& message) {
  return data_reply(status, answer_text({{"message", message}, {"reason", reason}}));
}

HttpServer::Reply refusal(const Error& error) {
  const Kind kind = kind_of(error.code);
  return refusal(kind.status, kind.reason, error.message);
}

HttpServer::Reply data_reply(Result<ordered_json> answer) {
  return answer ? data_reply(200, answer_text(std::move(answer).value())) : refusal(answer.error());
}

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

class WebServer::Impl final : public std::enable_shared_from_this<WebServer::Impl> {
 public:
  Impl(boost::asio::io_context& io, Options options, std::vector<std::unique_ptr<World>> worlds)
      : io_(io), options_(std::move(options)), worlds_(std::move(worlds)) {}

  Status open() {
    HttpServer::Options http;
    http.endpoint = {.kind = Endpoint::Kind::kTcp, .path = "", .host = "127.0.0.1", .port = options_.port};
    http.methods = {HttpServer::Method::kGet, HttpServer::Method::kHead, HttpServer::Method::kPost};
    http.headers = security_fields();
    http.limits.body_limit = kLargestBody;
    http.limits.memory_limit = kMostBodies;
    http.limits.max_connections = kMostConnections;
    http.limits.idle_timeout = kIdle;
    for (std::size_t i = 0; i < worlds_.size(); ++i)
      pools_.push_back(std::make_unique<WorkerPool>(kThreadsOfWorld, kMostTasks));
    streams_.emplace(io_, worlds_.size(),
                     [this](std::size_t world, std::uint64_t since, std::vector<std::string> watched,
                            std::vector<FollowedLog> logs) {
                       return look(world, since, std::move(watched), std::move(logs));
                     });
    ASSIGN_OR_RETURN(server_, HttpServer::listen(
                                  io_, std::move(http), [this](const auto& header) { return admit(header); },
                                  [this](const Header& header, const std::string& body, ReplyTo reply) {
                                    handle(header, body, std::move(reply));
                                  }));
    return {};
  }

  void close() {
    server_.reset();
    pools_.clear();
    waiting_.clear();
    streams_.reset();
  }

  std::uint16_t port() const { return server_->endpoint().port; }
  std::string link() const { return fmt::format("http://127.0.0.1:{}/#token={}", port(), options_.token); }

 private:
  using Header = HttpServer::Header;
  using Reply = HttpServer::Reply;
  using ReplyTo = HttpServer::ReplyTo;

  // Nothing: it may come in. What is refused here was sent by a page of somebody else, whose name leads to
  // this machine, or by one that has not got the link.
  std::optional<Reply> stranger(const Header& header, bool data) const {
    if (header.host != fmt::format("127.0.0.1:{}", port()) &&
        header.host != fmt::format("localhost:{}", port()))
      return refusal(
          403, "NoRights",
          fmt::format("the Host of a request must be 127.0.0.1:{}; open the link that `parallelrun "
                      "ui` has printed",
                      port()));
    if (!data) return std::nullopt;
    const std::string& given = header.authorization;
    if (given.starts_with(kBearer) && same_token(given.substr(kBearer.size()), options_.token))
      return std::nullopt;
    Reply reply = refusal(401, "NoRights",
                          "this request has no token, or that of an earlier start; open the link that "
                          "`parallelrun ui` has printed");
    reply.headers.emplace_back("WWW-Authenticate", "Bearer");
    return reply;
  }

  HttpServer::Admission admit(const Header& header) const {
    if (auto refused = stranger(header, true)) return {.refusal = std::move(refused), .one_at_a_time = ""};
    // A form of another page can send no such type without asking first, which nobody answers.
    if (header.content_type != kJson && !header.content_type.starts_with("application/json;"))
      return {.refusal = refusal(415, "Invalid", "the Content-Type of a POST must be application/json"),
              .one_at_a_time = ""};
    return {};
  }

  void handle(const Header& header, const std::string& body, ReplyTo reply) {
    const bool data = header.path.starts_with("/api");
    if (auto refused = stranger(header, data)) return reply(std::move(*refused));
    const std::optional<Target> target = parse_target(header.path);
    if (!target) return reply(refusal(400, "Invalid", "the address of this request is malformed"));
    if (!data) return reply(page(header, *target));
    if (header.method == HttpServer::Method::kPost) return handle_deed(*target, body, std::move(reply));
    handle_question(*target, std::move(reply));
  }

  Reply page(const Header& header, const Target& target) const {
    if (header.method == HttpServer::Method::kPost)
      return refusal(405, "Invalid", "what is no verb of a job takes GET alone");
    std::string path;
    for (const std::string& part : target.path) path += "/" + part;
    const auto found = options_.pages.find(path);
    if (found == options_.pages.end())
      return refusal(404, "NotFound",
                     "there is no such file; open the link that `parallelrun ui` has printed");
    const PageFile& file = found->second;
    return {
        .status = 200,
        .body = file.bytes,
        .content_type = file.content_type,
        .headers = {{"Cache-Control", file.lasting ? "private, max-age=31536000, immutable" : "no-store"}}};
  }

  void handle_question(const Target& target, ReplyTo reply) {
    const auto& path = target.path;
    if (path.size() == 2 && path[1] == "worlds") return reply(data_reply(about()));
    if (path.size() == 2 && path[1] == "events") return reply(events(target));
    if (path.size() == 2 && path[1] == "jobs") return list(std::move(reply));
    if (path.size() < 3 || path.size() > 4 || path[1] != "jobs")
      return reply(refusal(404, "NotFound", "there is no such address; docs/ui.md lists them"));
    const std::optional<std::size_t> world = world_of(path[2]);
    if (!world) return reply(refusal(404, "NotFound", "there is no such job; go back to the list"));
    ask(*world, std::move(reply), [target](World& asked) {
      return data_reply(target.path.size() == 3 ? asked.job(target.path[2])
                                                : asked.answer(target.path[2], target.path[3], target));
    });
  }

  void handle_deed(const Target& target, const std::string& body, ReplyTo reply) {
    const auto& path = target.path;
    if (path.size() != 4 || path[1] != "jobs")
      return reply(refusal(404, "NotFound", "a POST goes to /api/jobs/ID/VERB"));
    json arguments = body.empty() ? json::object() : json::parse(body, nullptr, false);
    if (!arguments.is_object())
      return reply(
          refusal(400, "Invalid", "the body of a POST must be a JSON object, such as {\"nodes\": 3}"));
    const std::optional<std::size_t> world = world_of(path[2]);
    if (!world) return reply(refusal(404, "NotFound", "there is no such job; go back to the list"));
    ask(*world, std::move(reply), [id = path[2], verb = path[3], arguments](World& asked) {
      const auto done = asked.act(id, verb, arguments);
      if (!done) return refusal(done.error());
      ordered_json answer = {{"message", done->message}};
      if (!done->job.empty()) answer["job"] = done->job;
      return data_reply(200, answer_text(std::move(answer)));
    });
  }

  ordered_json about() const {
    ordered_json about = {
        {"version", options_.version}, {"directories", ordered_json::array()}, {"cluster", nullptr}};
    for (const auto& world : worlds_) world->describe(about);
    return about;
  }

  std::optional<std::size_t> world_of(const std::string& id) const {
    for (std::size_t i = 0; i < worlds_.size(); ++i)
      if (worlds_[i]->owns(id)) return i;
    return std::nullopt;
  }

  Reply events(const Target& target) {
    std::string job = target.text("job");
    std::string log = target.text("path");
    if (!job.empty() && !world_of(job))
      return refusal(404, "NotFound", "there is no such job; go back to the list");
    auto stream = streams_->add(std::move(job), std::move(log));
    if (!stream)
      return refusal(503, "Unreachable",
                     fmt::format("{} pages listen already; close one of them", EventStreams::kMostStreams));
    return {.status = 200,
            .body = "",
            .content_type = "text/event-stream",
            .headers = {{"Cache-Control", "no-store"}},
            .stream = std::move(stream)};
  }

  // Each world is asked on its own threads: one that does not answer holds up no other.
  void list(ReplyTo reply) {
    struct Gathered {
      std::vector<JobLines> lines;
      std::size_t missing = 0;
      ReplyTo reply;
    };
    const auto gathered = std::make_shared<Gathered>();
    gathered->lines.resize(worlds_.size());
    gathered->missing = worlds_.size();
    gathered->reply = std::move(reply);
    const std::uint64_t number = ++numbers_;
    waiting_.emplace(number, [gathered](const Answered& answered) {
      gathered->lines[answered.world] = answered.lines;
      if (--gathered->missing > 0) return false;
      gathered->reply(jobs_reply(gathered->lines));
      return true;
    });
    for (std::size_t i = 0; i < worlds_.size(); ++i) {
      const bool taken = submit(i, number, [i](World& world) { return Answered{i, {}, world.jobs(), {}}; });
      if (!taken)
        answered(number,
                 Answered{i, {}, {{}, {"a list of jobs is missing: the server has too much to do"}}, {}});
    }
  }

  struct Answered {
    std::size_t world = 0;
    Reply reply;
    JobLines lines;
    News news;
  };

  void ask(std::size_t world, ReplyTo reply, std::function<Reply(World&)> question) {
    const std::uint64_t number = ++numbers_;
    const bool taken = submit(world, number, [world, question = std::move(question)](World& asked) {
      return Answered{world, question(asked), {}, {}};
    });
    if (!taken)
      return reply(refusal(503, "Unreachable", "the server has too much to do; try it again in a moment"));
    waiting_.emplace(number, [reply = std::move(reply)](const Answered& answered) {
      reply(answered.reply);
      return true;
    });
  }

  bool look(std::size_t world, std::uint64_t since, std::vector<std::string> watched,
            std::vector<FollowedLog> logs) {
    const std::uint64_t number = ++numbers_;
    const bool taken = submit(
        world, number, [world, since, watched = std::move(watched), logs = std::move(logs)](World& asked) {
          Answered answered{world, {}, {}, {}};
          answered.news.changes = asked.changes(since, watched);
          for (const FollowedLog& log : logs)
            if (asked.owns(log.job))
              answered.news.logs.push_back({log.job, log.path, asked.log_size(log.job, log.path)});
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
  bool submit(std::size_t world, std::uint64_t number, std::function<Answered(World&)> task) {
    return pools_[world]->submit(
        [weak = weak_from_this(), &asked = *worlds_[world], &io = io_, number, task = std::move(task)] {
          auto result = std::make_shared<Answered>(task(asked));
          boost::asio::post(io, [weak, number, result] {
            if (const auto self = weak.lock()) self->answered(number, *result);
          });
        });
  }

  void answered(std::uint64_t number, const Answered& result) {
    const auto found = waiting_.find(number);
    if (found != waiting_.end() && found->second(result)) waiting_.erase(number);
  }

  boost::asio::io_context& io_;
  const Options options_;
  std::vector<std::unique_ptr<World>> worlds_;
  std::uint64_t numbers_ = 0;
  // What to do with the answer to a task. True: it was the last one.
  std::map<std::uint64_t, std::function<bool(const Answered&)>> waiting_;
  std::optional<EventStreams> streams_;
  std::unique_ptr<HttpServer> server_;
  std::vector<std::unique_ptr<WorkerPool>> pools_;  // last: their tasks use the worlds
};

Result<std::unique_ptr<WebServer>> WebServer::listen(boost::asio::io_context& io, Options options,
                                                     std::vector<std::unique_ptr<World>> worlds) {
  auto impl = std::make_shared<Impl>(io, std::move(options), std::move(worlds));
  RETURN_IF_ERROR(impl->open());
  return std::unique_ptr<WebServer>(new WebServer(std::move(impl)));
}

WebServer::WebServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
WebServer::~WebServer() { impl_->close(); }
std::uint16_t WebServer::port() const { return impl_->port(); }
std::string WebServer::link() const { return impl_->link(); }

}  // namespace parallelrun::web
