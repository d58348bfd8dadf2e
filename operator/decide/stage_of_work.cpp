#include "operator/decide/stage_of_work.h"

#include "common/json/members.h"

namespace parallelrun::op {

StageOfWork stage_of_work(const nlohmann::json& progress) {
  const auto count = [&](const char* name) { return number_at(progress, name).value_or(0); };
  if (count("processesReady") > 0) return StageOfWork::kWorking;
  if (count("agents") > 0) return StageOfWork::kPreparing;
  return count("miniBatchesCreated") > 0 ? StageOfWork::kWaitingForWorkers : StageOfWork::kListing;
}

std::string work_in_words(const nlohmann::json& progress) {
  switch (stage_of_work(progress)) {
    case StageOfWork::kListing:
      return "The orchestrator lists the input";
    case StageOfWork::kWaitingForWorkers:
      return "The orchestrator waits for workers";
    case StageOfWork::kPreparing: {
      const std::string failure = text_at(progress, "startFailure");
      return "Workers install their environments and import the entry script" +
             (failure.empty() ? std::string() : "; the last failure: " + failure);
    }
    case StageOfWork::kWorking:
      break;
  }
  return "Workers process mini-batches";
}

}  // namespace parallelrun::op
