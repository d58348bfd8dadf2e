#include "runner/orchestrator/server/log_writer.h"

#include <utility>

namespace parallelrun::orchestrator {
namespace {

// Small pieces for many files cost more than their bytes.
std::size_t cost_of(const std::string& path, const std::string& bytes) {
  constexpr std::size_t kOfPiece = 128;
  return kOfPiece + path.size() + bytes.size();
}

}  // namespace

LogWriter::LogWriter(Options options) : options_(std::move(options)), thread_([this] { run(); }) {}

LogWriter::~LogWriter() {
  state_.change([](State& s) { s.ending = true; });
  thread_.join();
}

void LogWriter::append(std::string path, std::string bytes) {
  if (bytes.empty()) return;
  state_.change([&](State& s) {
    const std::size_t size = cost_of(path, bytes);
    if (s.waiting + size > options_.queue_bytes) {
      s.losses.bytes += bytes.size();
      s.losses.why = "the disk is slower than the logs";
      return;
    }
    s.waiting += size;
    // Lines of one file follow each other often: one write for all of them.
    if (!s.appended.empty() && s.appended.back().path == path) {
      s.appended.back().bytes += bytes;
      s.appended.back().cost += size;
    } else {
      s.appended.push_back({std::move(path), std::move(bytes), size});
    }
  });
}

void LogWriter::replace(std::string path, std::string content) {
  state_.change([&](State& s) { s.replaced[std::move(path)] = std::move(content); });
}

LogWriter::Losses LogWriter::losses() const {
  return state_.read([](const State& s) { return s.losses; });
}

void LogWriter::run() {
  LogTree tree(options_.tree);
  for (;;) {
    std::deque<Piece> appended;
    std::unordered_map<std::string, std::string> replaced;
    const bool ending =
        state_.when([](const State& s) { return s.ending || !s.appended.empty() || !s.replaced.empty(); },
                    [&](State& s) {
                      appended.swap(s.appended);
                      replaced.swap(s.replaced);
                      return s.ending;
                    });
    if (ending && appended.empty() && replaced.empty()) return;
    Losses losses;
    std::size_t written = 0;
    for (const Piece& piece : appended) {
      written += piece.cost;
      if (Status s = tree.append(piece.path, piece.bytes); !s) {
        losses.bytes += piece.bytes.size();
        losses.why = s.error().message;
      }
    }
    for (const auto& [path, content] : replaced) {
      if (Status s = tree.replace(path, content); !s) {
        losses.bytes += content.size();
        losses.why = s.error().message;
      }
    }
    state_.change([&](State& s) {
      s.waiting -= written;
      if (losses.bytes == 0) return;
      s.losses.bytes += losses.bytes;
      s.losses.why = losses.why;
    });
  }
}

}  // namespace parallelrun::orchestrator
