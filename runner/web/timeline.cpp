#include "runner/web/timeline.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace parallelrun::web {
namespace {

using nlohmann::ordered_json;

// Edges of the histogram: five in each power of ten, from 0.1 ms to 100,000 s.
constexpr int kEdgesOfTen = 5;
constexpr int kFirstPower = -4;
constexpr int kLastPower = 5;
constexpr std::size_t kEdges = std::size_t{kLastPower - kFirstPower} * kEdgesOfTen + 1;
constexpr std::size_t kFewestSpans = 8;
constexpr std::size_t kMostSpansOfOne = 600;  // with what lies within and between: below 2,000

double edge(std::size_t i) { return std::pow(10.0, kFirstPower + static_cast<double>(i) / kEdgesOfTen); }

// The bucket of a duration: 0 is below the first edge.
std::size_t bucket_of(double seconds) {
  if (seconds < edge(0)) return 0;
  const double place = (std::log10(seconds) - kFirstPower) * kEdgesOfTen;
  return std::min(kEdges, static_cast<std::size_t>(std::max(0.0, place)) + 1);
}

double rounded(double seconds) { return std::round(seconds * 1e6) / 1e6; }

}  // namespace

void Rate::add(double time) {
  const auto bucket = static_cast<std::int64_t>(std::floor(time / width_));
  if (last_ == buckets_.end() || last_->first != bucket) last_ = buckets_.try_emplace(bucket, 0).first;
  ++last_->second;
  while (static_cast<std::uint64_t>(buckets_.rbegin()->first - buckets_.begin()->first) >= most_) widen();
}

void Rate::widen() {
  std::map<std::int64_t, std::uint64_t> wider;
  for (const auto& [bucket, count] : buckets_) wider[bucket >= 0 ? bucket / 2 : (bucket - 1) / 2] += count;
  buckets_ = std::move(wider);
  last_ = buckets_.end();
  width_ *= 2;
}

ordered_json Rate::points() const {
  ordered_json points = ordered_json::array();
  if (buckets_.empty()) return points;
  for (std::int64_t bucket = buckets_.begin()->first; bucket <= buckets_.rbegin()->first; ++bucket) {
    const auto found = buckets_.find(bucket);
    const double count = found == buckets_.end() ? 0 : static_cast<double>(found->second);
    points.push_back({static_cast<double>(bucket) * width_, count / width_});
  }
  return points;
}

void WorkSpans::put(std::vector<Span>& spans, const Span& span) const {
  if (spans.empty() || span.to - spans.back().from > stretch_) return spans.push_back(span);
  Span& last = spans.back();
  last.to = std::max(last.to, span.to);
  last.loading += span.loading;
  last.run += span.run;
}

void WorkSpans::add(double from, double run_from, double to, std::size_t most) {
  put(spans_, {from, to, run_from - from, to - run_from});
  while (spans_.size() > most) merge(most);
}

void WorkSpans::merge(std::size_t most) {
  // Two neighbours are longer together than a stretch, so that half of `most` are left.
  const double range = std::max(spans_.back().to - spans_.front().from, 1e-6);
  stretch_ = std::max(2 * stretch_, 4 * range / static_cast<double>(most));
  std::vector<Span> merged;
  for (const Span& span : spans_) put(merged, span);
  spans_ = std::move(merged);
}

void WorkSpans::append(ordered_json& spans) const {
  const auto say = [&spans](double from, double to, const char* kind) {
    if (to - from > 5e-7) spans.push_back({rounded(from), rounded(to), kind});
  };
  double until = 0;
  for (const Span& span : spans_) {
    if (until > 0) say(until, span.from, "idle");
    const double run_from = std::min(span.to, span.from + span.loading);
    const double run_to = std::min(span.to, run_from + span.run);
    say(span.from, run_from, "loading");
    say(run_from, run_to, "run");
    say(run_to, span.to, "idle");
    until = std::max(until, span.to);
  }
}

std::size_t Timeline::most_spans() const {
  return std::clamp(kMostSpans / std::max<std::size_t>(1, processes_.size()), kFewestSpans, kMostSpansOfOne);
}

void Timeline::add(const std::string& name, const ProcessLine& line) {
  auto found = processes_.find(name);
  if (found == processes_.end()) {
    if (processes_.size() >= kMostProcesses) {
      ++left_out_;
    } else {
      found = processes_.try_emplace(name).first;
    }
  }
  Process* process = found == processes_.end() ? nullptr : &found->second;
  if (line.kind == ProcessLine::Kind::kPickedUp) {
    if (process == nullptr) return;
    process->open = line.mini_batch;
    process->open_since = line.started;
    return;
  }
  ++done_;
  const double end = line.started + line.duration;
  const double run = std::min(line.run, line.duration);
  if (line.outcome == "succeeded") throughput_.add(end);
  if (process != nullptr) {
    if (process->open == line.mini_batch) process->open.clear();
    process->spans.add(line.started, end - run, end, most_spans());
  }
  if (durations_.empty()) durations_.resize(kEdges + 1);
  ++durations_[bucket_of(run)];
  const auto faster = [](const Slow& a, const Slow& b) { return a.seconds > b.seconds; };
  if (slowest_.size() == kMostSlowest) {
    if (run <= slowest_.front().seconds) return;
    std::pop_heap(slowest_.begin(), slowest_.end(), faster);
    slowest_.pop_back();
  }
  slowest_.push_back({std::string(line.mini_batch), name, line.started, run, line.items});
  std::push_heap(slowest_.begin(), slowest_.end(), faster);
}

ordered_json Timeline::document(std::optional<double> now) const {
  const auto parts_of = [](const std::string& process) {
    const std::size_t slash = process.find('/');
    return std::pair(process.substr(0, slash), slash == std::string::npos ? "" : process.substr(slash + 1));
  };
  bool thinned = throughput_.thinned() || left_out_ > 0;
  ordered_json processes = ordered_json::array();
  for (const auto& [name, process] : processes_) {
    const auto [node, own] = parts_of(name);
    ordered_json spans = ordered_json::array();
    process.spans.append(spans);
    if (now && !process.open.empty() && *now > process.open_since) {
      const double before = spans.empty() ? 0 : spans.back()[1].get<double>();
      if (before > 0 && process.open_since > before)
        spans.push_back({before, rounded(process.open_since), "idle"});
      spans.push_back({rounded(process.open_since), rounded(*now), "run"});
    }
    thinned = thinned || process.spans.thinned();
    processes.push_back({{"node", node}, {"process", own}, {"spans", std::move(spans)}});
  }
  ordered_json edges = ordered_json::array();
  ordered_json counts = ordered_json::array();
  const auto filled = [](std::uint64_t count) { return count > 0; };
  const auto first = std::find_if(durations_.begin(), durations_.end(), filled);
  const auto last = std::find_if(durations_.rbegin(), durations_.rend(), filled).base();
  // A count is of what lies between its edge and the one behind it, so there is one edge more.
  for (auto at = first; at < last; ++at) {
    const auto i = static_cast<std::size_t>(at - durations_.begin());
    if (at == first) edges.push_back(i == 0 ? 0.0 : edge(i - 1));
    edges.push_back(i < kEdges ? edge(i) : edge(kEdges - 1) * 10);
    counts.push_back(*at);
  }
  std::vector<Slow> by_time = slowest_;
  std::sort(by_time.begin(), by_time.end(), [](const Slow& a, const Slow& b) {
    return std::pair(b.seconds, a.mini_batch) < std::pair(a.seconds, b.mini_batch);
  });
  ordered_json slowest = ordered_json::array();
  for (const Slow& one : by_time) {
    const auto [node, own] = parts_of(one.process);
    slowest.push_back({{"miniBatch", one.mini_batch},
                       {"node", node},
                       {"process", own},
                       {"started", rounded(one.started)},
                       {"seconds", one.seconds},
                       {"items", one.items}});
  }
  return {{"throughput", throughput_.points()},
          {"processes", std::move(processes)},
          {"durations", {{"edgesSeconds", std::move(edges)}, {"counts", std::move(counts)}}},
          {"slowest", std::move(slowest)},
          {"tries", done_},
          {"thinned", thinned}};
}

}  // namespace parallelrun::web
