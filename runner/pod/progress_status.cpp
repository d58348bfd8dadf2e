#include "runner/pod/progress_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "common/json/members.h"

namespace parallelrun {
nlohmann::json progress_status(const nlohmann::json& event, const std::string& update_time) {
  nlohmann::json status = nlohmann::json::object();
  for (const auto& [name, value] : event.items()) {
    if (value.is_number_integer() || value.is_boolean()) status[name] = value;
  }
  // By its name in the termination message; the operator's metrics are made of both.
  if (const auto seconds = event.find("miniBatchSeconds"); seconds != event.end() && seconds->is_number())
    status["miniBatchSecondsTotal"] = *seconds;
  const std::uint64_t created = count_at(event, "miniBatchesCreated");
  const std::uint64_t done = std::min(count_at(event, "miniBatchesProcessed"), created);
  // 100 is for all of them, and not for 99.6 %.
  status["percent"] = created == 0 ? 0 : done * 100 / created;
  status["items"] = fmt::format("{} / {}", count_at(event, "itemsSucceeded"), count_at(event, "itemsTotal"));
  status["updateTime"] = update_time;
  return status;
}

ProgressPace::Time ProgressPace::due(Time now) const {
  if (!written_) return now;
  const std::chrono::seconds interval = now - started_ < kLongJob ? kShort : kLong;
  return std::max(now, *written_ + interval);
}

}  // namespace parallelrun
