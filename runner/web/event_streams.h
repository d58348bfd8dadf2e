// The pages that listen for news of jobs (server-sent events). While nobody listens, nothing is asked of a
// world, but once to let the logs go that were followed. The thread of the io_context alone.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/http/http_stream.h"
#include "runner/web/places.h"
#include "runner/web/world.h"

namespace parallelrun::web {

// What one look at a world has found.
struct News {
  Changes changes;
  std::vector<FollowedLog> logs;
};

class EventStreams {
 public:
  // Has world number `world` looked at from elsewhere (World::changes(), then follow() of `logs`); the
  // answer comes back by took(). False: not now.
  using Look = std::function<bool(std::size_t world, std::uint64_t since, std::vector<std::string> watched,
                                  std::vector<FollowedLog> logs)>;

  EventStreams(boost::asio::io_context& io, std::size_t worlds, Look look);
  ~EventStreams();

  // `job`: only of that one; empty: of all. `path`: of its logs. `place` is kept as long as it is open.
  std::shared_ptr<HttpStream> add(std::string job, std::string path, Places::Place place);
  // Those that nobody reads any more give their places back.
  void drop_closed();
  void took(std::size_t world, const News& news);
  std::size_t size() const { return streams_.size(); }

 private:
  struct Stream {
    std::shared_ptr<HttpStream> out;
    std::string job;
    std::string path;
    Places::Place place;
    std::optional<FollowedLog> told;  // of its log
    std::chrono::steady_clock::time_point said;
  };
  struct Watched {
    std::uint64_t since = 0;
    bool looking = false;
    bool follows = false;  // it was given logs
  };

  void tick();
  void look();
  static void say(Stream& stream, const char* event, const std::string& data);

  boost::asio::steady_timer timer_;
  const Look look_;
  std::list<Stream> streams_;
  std::vector<Watched> worlds_;
  bool ticking_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace parallelrun::web
