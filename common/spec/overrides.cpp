#include "common/spec/overrides.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "common/spec/document.h"
#include "common/spec/field_path.h"
#include "common/spec/utf8.h"

namespace parallelrun {
namespace {

using nlohmann::json;

bool begins_at_top(const PathSegment& first) {
  const auto* key = std::get_if<std::string>(&first);
  return key != nullptr && (*key == "spec" || *key == "metadata" || *key == "apiVersion" || *key == "kind");
}

// The place that the path names, made where objects are missing; null after a problem.
json* descend(json& document, const std::vector<PathSegment>& path, const std::string& option,
              Problems& problems) {
  json* place = &document;
  std::string where;
  for (const PathSegment& segment : path) {
    if (const auto* key = std::get_if<std::string>(&segment)) {
      if (place->is_null()) *place = json::object();
      if (!place->is_object()) {
        problems.add(option,
                     fmt::format("{} is {}, which has no field {}", where.empty() ? "the manifest" : where,
                                 described(*place), in_quotes(*key)));
        return nullptr;
      }
      where = child_path(where, *key);
      place = &(*place)[*key];
    } else {
      const std::size_t index = std::get<std::size_t>(segment);
      const std::size_t size = place->is_array() ? place->size() : 0;
      if (index >= size) {
        problems.add(option, place->is_array() || place->is_null()
                                 ? fmt::format("{} has {} items, so there is no [{}] (the first is [0])",
                                               where, size, index)
                                 : fmt::format("{} is {}, not a list", where, described(*place)));
        return nullptr;
      }
      where = child_path(where, index);
      place = &(*place)[index];
    }
  }
  return place;
}

void apply(json& document, std::string_view assignment, Problems& problems) {
  if (!is_utf8(assignment)) {
    problems.add("--set " + in_quotes(assignment), "is not UTF-8");
    return;
  }
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    problems.add("--set " + in_quotes(assignment), "write FIELD=VALUE, for example miniBatchSize=100");
    return;
  }
  const std::string_view field = assignment.substr(0, equals);
  const std::string option = "--set " + in_quotes(field);
  Result<std::vector<PathSegment>> path = parse_field_path(field);
  if (!path.ok()) {
    problems.add(option, path.error().message + "; write for example miniBatchSize or inputs[0].glob");
    return;
  }
  const std::size_t before = problems.size();
  json value = parse_value(assignment.substr(equals + 1), option, problems);
  if (problems.size() != before) return;
  if (!begins_at_top(path->front())) path->insert(path->begin(), std::string("spec"));
  const auto* last = std::get_if<std::string>(&path->back());
  if (value.is_null() && last != nullptr) {
    const std::string key = *last;
    path->pop_back();
    json* holder = path->empty() ? &document : descend(document, *path, option, problems);
    if (holder != nullptr && holder->is_object()) holder->erase(key);
    return;
  }
  if (json* place = descend(document, *path, option, problems)) *place = std::move(value);
}

}  // namespace

void apply_overrides(json& document, std::span<const std::string> assignments, Problems& problems) {
  for (const std::string& assignment : assignments) apply(document, assignment, problems);
}

}  // namespace parallelrun
