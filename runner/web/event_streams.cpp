#include "runner/web/event_streams.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <utility>

#include "runner/web/output_answers.h"

namespace parallelrun::web {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetweenLooks{1000};
constexpr std::chrono::seconds kSilence{15};  // then a comment shows that the connection lives
constexpr std::size_t kMostWaiting = std::size_t{1} << 20U;
constexpr std::size_t kMostTold = 200;  // of one look; of more a page is told to read the list again

}  // namespace

EventStreams::EventStreams(boost::asio::io_context& io, std::size_t worlds, Look look)
    : timer_(io), look_(std::move(look)), worlds_(worlds) {}

EventStreams::~EventStreams() {
  *alive_ = false;
  for (Stream& stream : streams_) stream.out->end();
}

std::shared_ptr<HttpStream> EventStreams::add(std::string job, std::string path, Places::Place place) {
  if (streams_.empty())
    for (Watched& world : worlds_) world.since = 0;  // what happened while nobody listened is in the list
  Stream& stream = streams_.emplace_back();
  stream.out = std::make_shared<HttpStream>(kMostWaiting);
  stream.job = std::move(job);
  stream.path = std::move(path);
  stream.place = std::move(place);
  stream.said = steady_clock::now();
  stream.out->send("retry: 2000\n: parallelrun\n\n");
  look();
  if (!std::exchange(ticking_, true)) tick();
  return stream.out;
}

void EventStreams::drop_closed() {
  // One that is nobody's but ours was asked for by a HEAD, or its connection was gone before it began.
  streams_.remove_if([](const Stream& stream) { return !stream.out->open() || stream.out.use_count() == 1; });
}

void EventStreams::tick() {
  timer_.expires_after(kBetweenLooks);
  timer_.async_wait([this, alive = alive_](boost::system::error_code error) {
    if (error || !*alive) return;
    drop_closed();
    const bool follows =
        std::any_of(worlds_.begin(), worlds_.end(), [](const Watched& world) { return world.follows; });
    if (streams_.empty() && !follows) {
      ticking_ = false;
      return;
    }
    const auto now = steady_clock::now();
    for (Stream& stream : streams_) {
      if (now - stream.said < kSilence) continue;
      stream.said = now;
      stream.out->send(": still here\n\n");
    }
    look();
    tick();
  });
}

void EventStreams::look() {
  for (std::size_t world = 0; world < worlds_.size(); ++world) {
    if (worlds_[world].looking) continue;
    std::vector<std::string> watched;
    std::vector<FollowedLog> logs;
    for (const Stream& stream : streams_) {
      if (!stream.job.empty()) watched.push_back(stream.job);
      if (!stream.path.empty()) logs.push_back({stream.job, stream.path});
    }
    const bool follows = !logs.empty();
    worlds_[world].looking = look_(world, worlds_[world].since, std::move(watched), std::move(logs));
    if (worlds_[world].looking) worlds_[world].follows = follows;
  }
}

void EventStreams::took(std::size_t world, const News& news) {
  Watched& watched = worlds_[world];
  watched.looking = false;
  watched.since = news.changes.version;
  const bool many = news.changes.changed.size() + news.changes.gone.size() > kMostTold;
  for (Stream& stream : streams_) {
    if (news.changes.unread || (many && stream.job.empty())) say(stream, "reload", "{}");
    for (const JobLine& line : news.changes.changed)
      if (stream.job.empty() ? !many : stream.job == line.id) say(stream, "job", line.text);
    for (const std::string& id : news.changes.gone)
      if (stream.job.empty() ? !many : stream.job == id) say(stream, "gone", answer_text({{"id", id}}));
    for (const FollowedLog& log : news.logs) {
      if (stream.job != log.job || stream.path != log.path || stream.told == log) continue;
      stream.told = log;
      if (!log.size && log.words.empty()) continue;
      nlohmann::ordered_json told = {{"path", log.path}, {"follows", log.follows}};
      if (log.size) told["size"] = *log.size;
      if (!log.words.empty()) told["words"] = log.words;
      say(stream, "log", answer_text(std::move(told)));
    }
  }
}

void EventStreams::say(Stream& stream, const char* event, const std::string& data) {
  stream.said = steady_clock::now();
  // Data is JSON in one line, so it ends no event.
  stream.out->send("event: " + std::string(event) + "\ndata: " + data + "\n\n");
}

}  // namespace parallelrun::web
