// What `kubectl logs` of an orchestrator tells: events of its stream as lines for people. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"

namespace parallelrun {

class JobStory {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kProgressEvery{15};
  static constexpr std::chrono::minutes kLaterEvery{2};  // after kLongJob
  static constexpr std::chrono::minutes kLongJob{30};

  // `output` names the output for people: "digits in the volume of spec.output".
  JobStory(Time started, std::string output)
      : started_(started), told_(started), output_(std::move(output)) {}

  // The lines of one event of the orchestrator's stream (progress_stream.h); mostly none. No line holds a
  // line break or a control character.
  std::vector<std::string> lines(const nlohmann::json& event, Time now);

 private:
  std::vector<std::string> progress(const nlohmann::json& event, Time now);
  std::vector<std::string> finished(const nlohmann::json& event);

  Time started_;
  Time told_;
  std::string output_;
  std::string last_counts_;
};

}  // namespace parallelrun
