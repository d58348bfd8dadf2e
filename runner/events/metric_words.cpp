#include "runner/events/metric_words.h"

#include <fmt/format.h>

#include <cstdint>

#include "common/json/compact_text.h"
#include "common/json/members.h"
#include "common/text/counted.h"

namespace parallelrun {
namespace {

using nlohmann::json;

std::string value_at(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return {};
  if (found->is_string()) return found->get<std::string>();
  return found->is_number_float() ? fmt::format("{:.6g}", found->get<double>()) : compact_text(*found);
}

std::string line_of(const json& series) {
  const std::uint64_t values = count_at(series, "values");
  const std::string kind = value_at(series, "kind");
  const std::string last = value_at(series, "last");
  std::string line = fmt::format("{}: ", value_at(series, "name"));
  if (kind == "tag") return line + last + (values > 1 ? fmt::format(" (set {} times)", values) : "");
  if (values == 1 && kind == "scalar") return line + last;
  line += counted(values, kind == "scalar" ? "value" : kind) + ", last " + last;
  if (values > 1 && series.contains("mean")) {
    line += fmt::format(", lowest {}, highest {}, mean {}", value_at(series, "lowest"),
                        value_at(series, "highest"), value_at(series, "mean"));
  }
  return line;
}

}  // namespace

std::vector<std::string> metric_lines(const json& finished) {
  const auto metrics = finished.find("metrics");
  if (metrics == finished.end() || !metrics->is_object()) return {};
  const std::uint64_t names = count_at(*metrics, "names");
  std::string heading = fmt::format("metrics: {} of {} in logs/user/metrics.jsonl",
                                    counted(count_at(*metrics, "values"), "value"), counted(names, "name"));
  if (metrics->value("continued", json()) == json(true))
    heading += ", since this start (the file has those of earlier starts, too)";
  if (const std::uint64_t dropped = count_at(*metrics, "dropped"); dropped > 0)
    heading +=
        fmt::format("; {} more came faster than they could be sent and are lost", counted(dropped, "value"));
  std::vector<std::string> lines = {std::move(heading)};
  const auto shown = metrics->find("shown");
  if (shown == metrics->end() || !shown->is_array()) return lines;
  for (const json& series : *shown) {
    if (!text_at(series, "name").empty()) lines.push_back("  " + line_of(series));
  }
  if (names > shown->size())
    lines.push_back(fmt::format("  and {} more", counted(names - shown->size(), "name")));
  if (const std::uint64_t further = count_at(*metrics, "ofFurtherNames"); further > 0)
    lines.push_back(fmt::format("  and {} of further names", counted(further, "value")));
  return lines;
}

}  // namespace parallelrun
