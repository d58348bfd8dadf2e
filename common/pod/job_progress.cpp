#include "common/pod/job_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "common/json/members.h"
#include "common/spec/utf8.h"

namespace parallelrun::pod {
namespace {

using nlohmann::json;

constexpr std::array kOfWorkUnderWay = {"miniBatchesLeased", "miniBatchesWaiting", "agents", "processesReady",
                                        "startFailure"};

constexpr std::size_t kMostReasons = 16;
constexpr std::size_t kLongestReason = 1024;  // bytes; as the schema has it, which counts characters

// What a resubmission has taken over, as much of it as the API server takes.
json taken_over_of(const json& told) {
  json taken = {{"from", text_at(told, "from")}};
  for (const char* name : {"miniBatches", "items", "left", "leftItems"}) taken[name] = count_at(told, name);
  const auto reasons = told.find("again");
  if (reasons == told.end() || !reasons->is_array() || reasons->empty()) return taken;
  json& again = taken["again"] = json::array();
  for (const json& reason : *reasons) {
    if (reason.is_string() && again.size() < kMostReasons)
      again.push_back(utf8_prefix(reason.get_ref<const std::string&>(), kLongestReason));
  }
  return taken;
}

bool is_count(const json& value) {
  return value.is_number_unsigned() && value.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max();
}

}  // namespace

json progress_status(const json& event, const std::string& update_time) {
  json status = json::object();
  for (const auto& [name, value] : event.items()) {
    if (value.is_number_integer() || value.is_boolean()) status[name] = value;
  }
  if (const auto left_out = event.find("leftOut"); left_out != event.end() && left_out->is_array())
    status["leftOut"] = *left_out;
  if (const auto taken = event.find("takenOver"); taken != event.end() && taken->is_object())
    status["takenOver"] = taken_over_of(*taken);
  if (const auto failure = event.find("startFailure"); failure != event.end() && failure->is_string())
    status["startFailure"] = *failure;
  if (const auto seconds = event.find(kSeconds); seconds != event.end() && seconds->is_number())
    status[kSeconds] = *seconds;
  const std::uint64_t created = count_at(event, "miniBatchesCreated");
  const std::uint64_t done = std::min(count_at(event, "miniBatchesProcessed"), created);
  // 100 is for all of them, and not for 99.6 %.
  status["percent"] = created == 0 ? 0 : done * 100 / created;
  status["items"] = fmt::format("{} / {}", count_at(event, "itemsSucceeded"), count_at(event, "itemsTotal"));
  status["updateTime"] = update_time;
  return status;
}

json final_progress(const json& termination_message, const json& last, const std::string& update_time) {
  json counts = json::object();
  for (const char* name : kFinalCounts) {
    const auto found = termination_message.find(name);
    if (found == termination_message.end()) continue;
    const bool flag = std::string_view(name) == "planComplete";
    if (flag ? !found->is_boolean() : !is_count(*found)) return nullptr;
    counts[name] = *found;
  }
  if (!counts.contains("miniBatchesCreated") || !counts.contains("itemsTotal")) return nullptr;
  if (const auto seconds = termination_message.find(kSeconds);
      seconds != termination_message.end() && seconds->is_number() && seconds->get<double>() >= 0) {
    counts[kSeconds] = *seconds;
  }
  json progress = last.is_object() ? last : json::object();
  for (const char* name : kOfWorkUnderWay) progress.erase(name);
  progress.update(progress_status(counts, update_time));
  return progress;
}

}  // namespace parallelrun::pod
