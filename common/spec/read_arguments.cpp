#include <fmt/format.h>

#include <array>
#include <charconv>

#include "common/spec/placeholders.h"
#include "common/spec/read_spec.h"

namespace parallelrun {
namespace {

using nlohmann::json;

// What Azure ML's runner reads out of the script's own arguments, and the field that it stands for.
enum class Form { kWholeNumber, kPercent };
struct ReadOption {
  std::string_view option;
  std::string_view field;
  Form form;
  std::int64_t lowest;  // of a whole number; the highest is kHighestInt
  std::string_view rule;
};
constexpr std::array kReadOptions = {
    ReadOption{"--error_threshold", "errorThreshold", Form::kWholeNumber, -1,
               "takes a whole number from -1 (no limit)"},
    ReadOption{"--allowed_failed_percent", "allowedFailedPercent", Form::kPercent, 0,
               "takes a number from 0 to 100"},
    ReadOption{"--task_overhead_timeout", "taskOverheadTimeout", Form::kWholeNumber, 1,
               "takes whole seconds, at least 1"},
    ReadOption{"--progress_update_timeout", "progressUpdateTimeout", Form::kWholeNumber, 1,
               "takes whole seconds, at least 1"},
    ReadOption{"--first_task_creation_timeout", "firstTaskCreationTimeout", Form::kWholeNumber, 1,
               "takes whole seconds, at least 1"},
    ReadOption{"--resource_monitor_interval", "resourceMonitorInterval", Form::kWholeNumber, 0,
               "takes whole seconds (0: off)"},
};

template <typename Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  const char* begin = text.data();
  const char* end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, number);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return number;
}

// The value as its field would have it.
std::optional<json> value_of(const ReadOption& option, std::string_view text) {
  if (option.form == Form::kPercent) {
    const auto number = number_in<double>(text);
    if (!number || !(*number >= 0 && *number <= 100)) return std::nullopt;
    return *number;
  }
  const auto number = number_in<std::int64_t>(text);
  if (!number || *number < option.lowest || *number > kHighestInt) return std::nullopt;
  return *number;
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

void check_placeholders(ObjectReader& spec, const JobSpec& job) {
  PlaceholderDirectories names;
  for (const Input& input : job.inputs) names.inputs.emplace(input.name, "");
  for (const SideInput& input : job.side_inputs) names.side_inputs.emplace(input.name, "");
  for (std::size_t i = 0; i < job.arguments.size(); ++i) {
    const Result<std::string> expanded = expand_argument(job.arguments[i], names);
    if (!expanded.ok()) spec.problems().add(child_path(spec.path("arguments"), i), expanded.error().message);
  }
}

json fields_among_arguments(ObjectReader& spec, const std::vector<std::string>& arguments) {
  json fields = json::object();
  for (const ReadOption& option : kReadOptions) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const std::optional<Occurrence> found = occurrence_at(arguments, i, option.option);
      if (!found) continue;
      if (std::optional<json> value = value_of(option, found->value)) {
        fields[std::string(option.field)] = std::move(*value);
      } else {
        spec.problems().add(
            child_path(spec.path("arguments"), found->argument),
            fmt::format("{} {}, found {}", option.option, option.rule, in_quotes(found->value)));
      }
    }
  }
  return fields;
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
