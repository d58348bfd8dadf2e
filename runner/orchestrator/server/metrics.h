// logs/user/metrics.jsonl: what scripts log with `Run` of the azureml stand-in [azureml.core.Run]. An agent
// sends the lines of each of its processes as a file of its own, user/metrics/<node>/<process>; here they
// become lines of the one file, and a short summary for the end of the job. Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json.h"
#include "runner/orchestrator/job_observer.h"

namespace parallelrun::orchestrator {

class Metrics {
 public:
  static constexpr std::size_t kNamesKept = 1000;  // the values of further ones are only counted
  static constexpr std::size_t kNamesShown = 20;
  static constexpr std::size_t kLongestShown = 100;  // bytes of a name or value in the summary
  static constexpr std::size_t kLongestLine = 64U << 10U;

  // Whether a log chunk of this path (below logs/) holds metrics.
  static bool are_in(std::string_view path);

  // `continued`: an earlier start of the job has written some to the file.
  explicit Metrics(bool continued) : continued_(continued) {}

  // The lines for metrics.jsonl, each with its agent, node and process. Lines that no worker process of ours
  // would write (a script has written to the descriptor itself) are left out and counted.
  std::string take(const AgentView& agent, const LogChunk& chunk);
  std::uint64_t broken() const { return broken_; }  // lines

  // Adds the member "metrics" to a finished event, where there are some:
  //   {"values":120, "names":2, "dropped":3, "continued":true,
  //    "shown":[{"name":"loss", "kind":"scalar", "values":100, "last":0.5, "lowest":.., "highest":..,
  //    "mean":..}]}
  // "dropped": values that agents could not send. "continued": earlier starts have values that are not
  // counted.
  void tell(nlohmann::json& event) const;

 private:
  struct Series {
    std::string name;
    std::string kind;
    std::uint64_t values = 0;
    nlohmann::json last = {};
    std::uint64_t numbers = 0;
    double sum = 0;
    double lowest = std::numeric_limits<double>::infinity();
    double highest = -std::numeric_limits<double>::infinity();
  };

  bool count(std::string_view line);

  const bool continued_;
  std::map<std::string, std::size_t> by_name_;  // kind and name -> place in series_
  std::vector<Series> series_;                  // in the order in which they came first
  std::uint64_t values_ = 0;
  std::uint64_t names_left_out_ = 0;  // values of names beyond kNamesKept
  std::uint64_t dropped_ = 0;
  std::uint64_t broken_ = 0;
};

}  // namespace parallelrun::orchestrator
