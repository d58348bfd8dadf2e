#include "runner/orchestrator/server/metrics.h"

#include <algorithm>
#include <array>

#include "common/json/compact_text.h"
#include "common/spec/utf8.h"

namespace parallelrun::orchestrator {
namespace {

using nlohmann::json;

constexpr std::string_view kFolder = "user/metrics/";
constexpr std::size_t kMembersShown = 8;
constexpr std::array<std::string_view, 5> kKinds = {"scalar", "list", "row", "table", "tag"};

bool is_plain(std::string_view line) {
  return std::all_of(line.begin(), line.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

std::string shortened(const std::string& text) {
  if (text.size() <= Metrics::kLongestShown) return text;
  return std::string(utf8_prefix(text, Metrics::kLongestShown)) + "...";
}

// A value for the summary: what is nested in it is only counted, since a script decides how deep it is.
json shown(const json& value) {
  if (value.is_string()) return shortened(value.get<std::string>());
  if (value.is_array()) return std::to_string(value.size()) + " values";
  if (!value.is_object()) return value;
  std::string text;
  std::size_t members = 0;
  for (const auto& [name, member] : value.items()) {
    if (++members > kMembersShown || text.size() > Metrics::kLongestShown) break;
    const json part = shown(member.is_object() ? json(std::to_string(member.size()) + " members") : member);
    text +=
        (text.empty() ? "" : ", ") + name + "=" + (part.is_string() ? part.get<std::string>() : part.dump());
  }
  return shortened(text);
}

bool is_text(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string();
}

}  // namespace

bool Metrics::are_in(std::string_view path) { return path.starts_with(kFolder); }

std::string Metrics::take(const AgentView& agent, const LogChunk& chunk) {
  const json process = chunk.path.substr(chunk.path.rfind('/') + 1);
  const std::string place =
      compact_text(json{{"agent", agent.name}, {"node", agent.node}, {"process", process}});
  std::string out;
  for (std::string_view rest = chunk.bytes; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty()) continue;
    if (!count(line)) {
      ++broken_;
      continue;
    }
    // {"agent":...,"process":...} and {...} are one object.
    out.append(place, 0, place.size() - 1).append(",").append(line.substr(1)).append("\n");
  }
  return out;
}

bool Metrics::count(std::string_view line) {
  if (line.size() > kLongestLine || !line.starts_with("{\"") || !is_plain(line)) return false;
  const json record = json::parse(line, nullptr, false);
  if (!record.is_object() || record.empty()) return false;
  if (const auto dropped = record.find("dropped"); record.size() == 1 && dropped != record.end()) {
    if (!dropped->is_number_unsigned()) return false;
    dropped_ += dropped->get<std::uint64_t>();
    return true;
  }
  if (!is_text(record, "kind") || !is_text(record, "name") || !record.contains("value")) return false;
  const std::string kind = record["kind"];
  if (std::find(kKinds.begin(), kKinds.end(), kind) == kKinds.end()) return false;
  ++values_;
  const std::string name = record["name"];
  const auto [found, added] = by_name_.try_emplace(kind + " " + name, series_.size());
  if (added) {
    if (series_.size() >= kNamesKept) {
      by_name_.erase(found);
      ++names_left_out_;
      return true;
    }
    series_.push_back({shortened(name), kind});
  }
  Series& series = series_[found->second];
  ++series.values;
  const json& value = record["value"];
  series.last = shown(value);
  if (value.is_number()) {
    const auto number = value.get<double>();
    ++series.numbers;
    series.sum += number;
    series.lowest = std::min(series.lowest, number);
    series.highest = std::max(series.highest, number);
  }
  return true;
}

void Metrics::tell(json& event) const {
  if (values_ == 0 && dropped_ == 0) return;
  json list = json::array();
  for (const Series& series : series_) {
    if (list.size() >= kNamesShown) break;
    json one = {
        {"name", series.name}, {"kind", series.kind}, {"values", series.values}, {"last", series.last}};
    if (series.numbers > 0) {
      one["lowest"] = series.lowest;
      one["highest"] = series.highest;
      one["mean"] = series.sum / static_cast<double>(series.numbers);
    }
    list.push_back(std::move(one));
  }
  json& told = event["metrics"];
  told = {{"values", values_}, {"names", series_.size()}, {"shown", std::move(list)}};
  if (names_left_out_ > 0) told["ofFurtherNames"] = names_left_out_;
  if (dropped_ > 0) told["dropped"] = dropped_;
  if (continued_) told["continued"] = true;
}

}  // namespace parallelrun::orchestrator
