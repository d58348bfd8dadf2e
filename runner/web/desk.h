// Answers the questions of one viewer about his worlds (world.h), and keeps his event streams. The worlds are
// asked on threads of their own; everything else happens on the thread of the io_context.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/http/http_server.h"
#include "runner/web/event_streams.h"
#include "runner/web/places.h"
#include "runner/web/request.h"
#include "runner/web/worker_pool.h"
#include "runner/web/world.h"

namespace boost::asio {
class io_context;
}

namespace parallelrun::web {

class Desk final : public std::enable_shared_from_this<Desk> {
 public:
  using Reply = HttpServer::Reply;
  using ReplyTo = HttpServer::ReplyTo;

  Desk(boost::asio::io_context& io, std::string version, std::vector<std::unique_ptr<World>> worlds,
       Tenant tenant);
  ~Desk();
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;
  // Once, before the first question.
  void open();

  // A GET or HEAD below /api.
  void handle_question(const Target& target, ReplyTo reply);
  // A POST.
  void handle_deed(const Target& target, const std::string& body, ReplyTo reply);

  // Whether news may be told now. While not, streams stay open and silent.
  void set_silent(bool silent) { silent_ = silent; }
  // Event streams that somebody reads.
  std::size_t streams() const;
  // Questions that wait for their answer.
  std::size_t waiting() const { return waiting_.size(); }

  // The end: streams end, and what waits for an answer gets none. What the result holds has the threads:
  // destroying it waits for calls of the worlds that are under way, and may happen on any thread.
  std::shared_ptr<void> close();

 private:
  // An output may be far away: in a cluster a pod has to come up, which takes minutes where no node has room.
  // So what reads outputs holds up neither lists, news nor buttons.
  enum class Lane { kJobs, kOutputs };
  struct Pools {
    std::unique_ptr<WorkerPool> jobs;
    std::unique_ptr<WorkerPool> outputs;  // none until somebody asks
  };
  struct Workers {
    std::vector<std::unique_ptr<World>> worlds;
    std::vector<Pools> pools;  // one for each world. Last: their tasks use the worlds
  };
  struct Answered {
    std::size_t world = 0;
    Reply reply;
    JobLines lines;
    News news;
  };

  nlohmann::ordered_json about() const;
  std::optional<std::size_t> world_of(const std::string& id) const;
  Reply events(const Target& target);
  void list(ReplyTo reply);
  void ask(std::size_t world, Lane lane, ReplyTo reply, std::function<Reply(World&)> question);
  bool look(std::size_t world, std::uint64_t since, std::vector<std::string> watched,
            std::vector<FollowedLog> logs);
  bool submit(std::size_t world, Lane lane, std::uint64_t number, std::function<Answered(World&)> task);
  void answered(std::uint64_t number, const Answered& result);

  boost::asio::io_context& io_;
  const std::string version_;
  const Tenant tenant_;  // of the streams
  std::shared_ptr<Workers> workers_;
  std::uint64_t numbers_ = 0;
  // What to do with the answer to a task. True: it was the last one.
  std::map<std::uint64_t, std::function<bool(const Answered&)>> waiting_;
  std::optional<EventStreams> streams_;
  bool silent_ = false;
};

}  // namespace parallelrun::web
