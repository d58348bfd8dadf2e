// The closing event of a job as a kubelet keeps it: JSON, UTF-8, within the limit, the state as it was; and
// what an operator makes of it. Any bytes in its place are no result, and no trouble.
#include "runner/pod/termination_message.h"

#include <optional>

#include "common/json/json.h"
#include "common/pod/job_progress.h"
#include "common/pod/pod_layout.h"
#include "common/spec/utf8.h"
#include "operator/decide/runner_result.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun {
namespace {

using nlohmann::json;

std::optional<op::RunnerResult> result_of(const std::string& message, int exit_code) {
  op::PodView pod;
  pod.name = "abc-orchestrator-0";
  pod.phase = exit_code == 0 ? "Succeeded" : "Failed";
  pod.ended = op::PodView::Ended{exit_code, "Error", message, {}, {}};
  HOLDS(!op::reason_of_loss(pod).empty());
  auto result = op::runner_result(pod);
  if (result) {
    const std::string& reason = result->reason.text();
    HOLDS_ELSE(reason, !reason.empty() && reason.size() <= 64);
    HOLDS(result->complete == (exit_code == 0));
    HOLDS_ELSE(result->message, is_utf8(result->message) && result->message.size() < 3 * 4096);
    pod::final_progress(result->said, json::object(), "2026-01-31T12:00:00Z");
  }
  return result;
}

FUZZ_TARGET(termination_message) {
  fuzz::Draw draw(bytes);
  const int exit_code = draw.up_to(3) == 3 ? 137 : static_cast<int>(draw.up_to(2));
  const std::size_t repeats = draw.up_to(64) + 1;
  const std::string raw(draw.rest());
  result_of(raw, exit_code);

  json event = json::parse(raw, nullptr, false);
  if (!event.is_object()) return;
  for (const char* name : {"message", "firstError"}) {  // long ones are rare in what is drawn
    if (!event.contains(name) || !event[name].is_string()) continue;
    std::string longer;
    for (std::size_t i = 0; i < repeats; ++i) longer += event[name].get<std::string>();
    event[name] = longer;
  }
  const std::string sub_path = draw.empty() ? "" : "a";
  const std::string message = termination_message(event, sub_path);
  HOLDS_ELSE(message, message.size() <= pod::kTerminationMessageLimit && is_utf8(message));
  const json said = json::parse(message);
  HOLDS(said.is_object());
  const json state = event.value("state", json());
  if (state.is_string() && state.get_ref<const std::string&>().size() <= 60) HOLDS(said["state"] == state);
  for (const char* count : pod::kFinalCounts) {
    if (event.contains(count) && event[count].is_number()) HOLDS(said[count] == event[count]);
  }
  // What fits already is kept whole.
  if (event.dump().size() < 2000 && event.contains("message") && event["message"].is_string()) {
    HOLDS_ELSE(message, said["message"] == event["message"]);
  }
  // A message of a runner that is complete is understood.
  const auto result = result_of(message, 0);
  HOLDS(result.has_value() == (state == "Complete"));
}

}  // namespace
}  // namespace parallelrun
