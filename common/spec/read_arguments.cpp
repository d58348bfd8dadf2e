#include <fmt/format.h>

#include <charconv>

#include "common/spec/field_table.h"
#include "common/spec/placeholders.h"
#include "common/spec/read_spec.h"

namespace parallelrun {
namespace {

using nlohmann::json;

template <typename Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  const char* begin = text.data();
  const char* end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, number);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return number;
}

bool is_percent(const Field<JobSpec>& field) {
  return std::holds_alternative<std::optional<double> JobSpec::*>(field.value);
}

bool in_seconds(const Field<JobSpec>& field) {
  return std::holds_alternative<std::chrono::seconds JobSpec::*>(field.value) ||
         std::holds_alternative<std::optional<std::chrono::seconds> JobSpec::*>(field.value);
}

// The value as its field would have it.
std::optional<json> value_of(const Field<JobSpec>& field, std::string_view text) {
  const auto [lowest, highest, means] = field.bounds;
  if (is_percent(field)) {
    const auto number = number_in<double>(text);
    const bool fits =
        number && *number >= static_cast<double>(lowest) && *number <= static_cast<double>(highest);
    return fits ? std::optional<json>(*number) : std::nullopt;
  }
  const auto number = number_in<std::int64_t>(text);
  if (!number || *number < lowest || *number > highest) return std::nullopt;
  return *number;
}

// "takes whole seconds, at least 1"
std::string rule_of(const Field<JobSpec>& field) {
  const auto& [lowest, highest, means] = field.bounds;
  if (is_percent(field)) return fmt::format("takes a number from {} to {}", lowest, highest);
  if (!in_seconds(field)) return fmt::format("takes a whole number from {} ({})", lowest, means);
  return means.empty() ? fmt::format("takes whole seconds, at least {}", lowest)
                       : fmt::format("takes whole seconds ({}: {})", lowest, means);
}

struct Occurrence {
  std::size_t argument;  // where the value stands
  std::string_view value;
};

// `--option VALUE` or `--option=VALUE` at `index`; nothing where another argument stands there.
std::optional<Occurrence> occurrence_at(const std::vector<std::string>& arguments, std::size_t index,
                                        std::string_view option) {
  std::string_view text = arguments[index];
  if (!text.starts_with(option)) return std::nullopt;
  text.remove_prefix(option.size());
  if (text.starts_with('=')) return Occurrence{index, text.substr(1)};
  if (!text.empty()) return std::nullopt;  // another option that begins alike
  if (index + 1 == arguments.size()) return Occurrence{index, ""};
  return Occurrence{index + 1, arguments[index + 1]};
}

}  // namespace

json fields_among_arguments(ObjectReader& spec, const std::vector<std::string>& arguments) {
  json fields = json::object();
  for (const Field<JobSpec>& field : fields_of_job()) {
    if (field.option.empty()) continue;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const std::optional<Occurrence> found = occurrence_at(arguments, i, field.option);
      if (!found) continue;
      if (std::optional<json> value = value_of(field, found->value)) {
        fields[std::string(field.name)] = std::move(*value);
      } else {
        spec.problems().add(
            child_path(spec.path("arguments"), found->argument),
            fmt::format("{} {}, found {}", field.option, rule_of(field), in_quotes(found->value)));
      }
    }
  }
  return fields;
}

void check_arguments(ObjectReader& spec, std::string_view key, Reading& reading, const JobSpec& job) {
  PlaceholderDirectories names;
  for (const Input& input : job.inputs) names.inputs.emplace(input.name, "");
  for (const SideInput& input : job.side_inputs) names.side_inputs.emplace(input.name, "");
  for (std::size_t i = 0; i < job.arguments.size(); ++i) {
    const Result<std::string> expanded = expand_argument(job.arguments[i], names);
    if (!expanded.ok()) spec.problems().add(child_path(spec.path(key), i), expanded.error().message);
  }
  reading.among_arguments = fields_among_arguments(spec, job.arguments);
}

std::vector<std::string> notes_on(const JobSpec& job) {
  std::vector<std::string> notes;
  for (std::size_t i = 0; i < job.arguments.size(); ++i) {
    if (job.arguments[i] == "--copy_logs_to_parent" ||
        job.arguments[i].starts_with("--copy_logs_to_parent=")) {
      notes.push_back(fmt::format(
          "{}: --copy_logs_to_parent has no effect here; the script gets it like any other argument",
          child_path("spec.arguments", i)));
    }
  }
  return notes;
}

}  // namespace parallelrun
