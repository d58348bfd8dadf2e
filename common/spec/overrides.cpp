#include "common/spec/overrides.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "common/spec/document.h"
#include "common/spec/field_path.h"
#include "common/spec/utf8.h"
#include "common/text/counted.h"

namespace parallelrun {
namespace {

using nlohmann::json;

bool begins_at_top(const PathSegment& first) {
  const auto* key = std::get_if<std::string>(&first);
  return key != nullptr && (*key == "spec" || *key == "metadata" || *key == "apiVersion" || *key == "kind");
}

std::string no_field(const std::string& where, const json& place, const std::string& key) {
  return fmt::format("{} is {}, which has no field {}", where.empty() ? "the manifest" : where,
                     described(place), in_quotes(key));
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
        problems.add(option, no_field(where, *place, *key));
        return nullptr;
      }
      where = child_path(where, *key);
      place = &(*place)[*key];
    } else {
      const std::size_t index = std::get<std::size_t>(segment);
      const std::size_t size = place->is_array() ? place->size() : 0;
      if (index >= size) {
        problems.add(option, place->is_array() || place->is_null()
                                 ? fmt::format("{} has {}, so there is no [{}] (the first is [0])", where,
                                               counted(size, "item"), index)
                                 : fmt::format("{} is {}, not a list", where, described(*place)));
        return nullptr;
      }
      where = child_path(where, index);
      place = &(*place)[index];
    }
  }
  return place;
}

std::string written(const std::vector<PathSegment>& path) {
  std::string text;
  for (const PathSegment& segment : path) {
    text = std::visit([&](const auto& part) { return child_path(text, part); }, segment);
  }
  return text;
}

std::optional<AppliedOverride> apply(json& document, std::string_view assignment, Problems& problems) {
  const std::string option = "--set " + in_quotes(assignment);
  const auto refuse = [&](std::string message) {
    problems.add(option, std::move(message));
    return std::nullopt;
  };
  if (!is_utf8(assignment)) return refuse("is not UTF-8");
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return refuse("write FIELD=VALUE, for example miniBatchSize=100");
  }
  Result<std::vector<PathSegment>> path = parse_field_path(assignment.substr(0, equals));
  if (!path.ok()) {
    return refuse(path.error().message + "; write a field such as miniBatchSize or inputs[0].glob");
  }
  const std::size_t before = problems.size();
  json value = parse_value(assignment.substr(equals + 1), option, problems);
  if (problems.size() != before) return std::nullopt;
  if (!begins_at_top(path->front())) path->insert(path->begin(), std::string("spec"));
  AppliedOverride applied{option, written(*path)};
  const auto* last = std::get_if<std::string>(&path->back());
  if (value.is_null() && last != nullptr) {
    const std::string key = *last;
    path->pop_back();
    json* holder = path->empty() ? &document : descend(document, *path, option, problems);
    if (holder == nullptr) return std::nullopt;
    if (holder->is_null()) return applied;
    if (!holder->is_object()) return refuse(no_field(written(*path), *holder, key));
    holder->erase(key);
    return applied;
  }
  json* place = descend(document, *path, option, problems);
  if (place == nullptr) return std::nullopt;
  *place = std::move(value);
  return applied;
}

// Whether `path` is `outer` or a place inside it.
bool lies_at(std::string_view path, std::string_view outer) {
  return path.starts_with(outer) &&
         (path.size() == outer.size() || path[outer.size()] == '.' || path[outer.size()] == '[');
}

}  // namespace

std::vector<AppliedOverride> apply_overrides(json& document, std::span<const std::string> assignments,
                                             Problems& problems) {
  std::vector<AppliedOverride> all;
  for (const std::string& assignment : assignments) {
    if (auto applied = apply(document, assignment, problems)) all.push_back(*std::move(applied));
  }
  return all;
}

void name_overrides(std::span<const AppliedOverride> applied, std::vector<SpecProblem>& problems) {
  for (SpecProblem& problem : problems) {
    // The last one has had the last word.
    const auto found = std::find_if(applied.rbegin(), applied.rend(), [&](const AppliedOverride& entry) {
      return lies_at(problem.path, entry.path);
    });
    if (found != applied.rend()) problem.path = found->option + ": " + problem.path;
  }
}

}  // namespace parallelrun
