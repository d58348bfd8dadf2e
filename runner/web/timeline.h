// What a job's processes did over time, from the lines that they have logged, in a bounded amount of memory
// however many mini-batches there were: what is too fine to be drawn is merged. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json.h"
#include "runner/web/process_line.h"

namespace parallelrun::web {

// Counts of what happened at points in time, in buckets of equal width. Twice as wide each time when there
// would be more than `most`.
class Rate {
 public:
  explicit Rate(std::size_t most) : most_(most) {}
  Rate(const Rate&) = delete;  // an iterator of its own map
  Rate& operator=(const Rate&) = delete;

  void add(double time);
  // [[since 1970, per second], ...], those between the first and the last that are 0 too.
  nlohmann::ordered_json points() const;
  bool thinned() const { return width_ > kFinest; }

 private:
  static constexpr double kFinest = 0.25;  // seconds
  void widen();

  const std::size_t most_;
  double width_ = kFinest;
  std::map<std::int64_t, std::uint64_t> buckets_;
  std::map<std::int64_t, std::uint64_t>::iterator last_ = buckets_.end();
};

// When one process was at work. Where there would be more than `most` spans, what lies in one stretch of time
// becomes one, of which only the shares are known; the stretches grow.
class WorkSpans {
 public:
  void add(double from, double run_from, double to, std::size_t most);
  // [[from, to, "run" | "loading" | "idle"], ...] in order.
  void append(nlohmann::ordered_json& spans) const;
  bool thinned() const { return stretch_ > 0; }

 private:
  struct Span {
    double from = 0;
    double to = 0;
    double loading = 0;  // seconds of it
    double run = 0;
  };
  void merge(std::size_t most);
  void put(std::vector<Span>& spans, const Span& span) const;

  std::vector<Span> spans_;
  double stretch_ = 0;  // seconds
};

class Timeline {
 public:
  static constexpr std::size_t kMostPoints = 2000;
  static constexpr std::size_t kMostSpans = 20'000;  // of all processes together, before idle ones
  static constexpr std::size_t kMostProcesses = 1000;
  static constexpr std::size_t kMostSlowest = 50;

  // `process`: "127.0.0.1/process000".
  void add(const std::string& process, const ProcessLine& line);

  // throughput, processes, durations, slowest, miniBatches, thinned. `now`: since 1970, of a job at work;
  // what a process has begun lasts until then.
  nlohmann::ordered_json document(std::optional<double> now) const;

 private:
  struct Process {
    WorkSpans spans;
    std::string open;  // the mini-batch that it has begun
    double open_since = 0;
  };
  struct Slow {
    std::string mini_batch;
    std::string process;
    double started = 0;
    double seconds = 0;
    std::uint64_t items = 0;
  };
  std::size_t most_spans() const;

  Rate throughput_{kMostPoints};
  std::map<std::string, Process> processes_;
  std::uint64_t left_out_ = 0;  // lines of processes beyond kMostProcesses
  std::uint64_t done_ = 0;
  std::vector<std::uint64_t> durations_;
  std::vector<Slow> slowest_;  // a heap, the fastest on top
};

}  // namespace parallelrun::web
