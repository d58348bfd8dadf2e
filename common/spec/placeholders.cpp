#include "common/spec/placeholders.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/spec/nearest_name.h"
#include "common/spec/path_names.h"
#include "common/spec/problems.h"
#include "common/spec/store_sources.h"

namespace parallelrun {
namespace {

constexpr std::string_view kLiteralHint = "; for a literal '$(' write '$$('";

Error invalid(std::string message) { return Error{ErrorCode::kInvalidArgument, std::move(message)}; }

Result<ArgumentPart> read_placeholder(std::string_view inside) {
  using Kind = ArgumentPart::Kind;
  if (inside == "output") return ArgumentPart{Kind::kOutput, ""};
  for (const auto& [prefix, kind] : {std::pair<std::string_view, Kind>{"inputs.", Kind::kInput},
                                     std::pair<std::string_view, Kind>{"sideInputs.", Kind::kSideInput}}) {
    if (inside.starts_with(prefix)) return ArgumentPart{kind, std::string(inside.substr(prefix.size()))};
  }
  return invalid(
      fmt::format("$({}) is not a placeholder; use $(inputs.NAME), $(sideInputs.NAME) or $(output){}",
                  shown(inside), kLiteralHint));
}

Result<std::string> directory_of(std::string_view what, const std::string& name,
                                 const std::map<std::string, std::string>& directories) {
  if (const auto found = directories.find(name); found != directories.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [key, directory] : directories) known.push_back(key);
  return invalid(fmt::format(
      "$({}.{}): {}{}", what, shown(name),
      known.empty() ? fmt::format("there are no {}", what) : fmt::format("{} has no item of this name", what),
      did_you_mean(name, known)));
}

}  // namespace

Result<std::vector<ArgumentPart>> split_argument(std::string_view argument) {
  std::vector<ArgumentPart> parts;
  std::string literal;
  const auto end_literal = [&] {
    if (!literal.empty()) parts.push_back({ArgumentPart::Kind::kLiteral, std::move(literal)});
    literal.clear();
  };
  std::size_t i = 0;
  while (i < argument.size()) {
    const std::string_view rest = argument.substr(i);
    if (rest.starts_with("$$(")) {
      literal += "$(";
      i += 3;
    } else if (rest.starts_with("$(")) {
      const std::size_t close = rest.find(')');
      if (close == std::string_view::npos) {
        return invalid(fmt::format("'{}' has no closing ')'{}", shown(rest), kLiteralHint));
      }
      Result<ArgumentPart> part = read_placeholder(rest.substr(2, close - 2));
      if (!part.ok()) return part.error();
      end_literal();
      parts.push_back(std::move(part).value());
      i += close + 1;
    } else {
      literal.push_back(argument[i]);
      ++i;
    }
  }
  end_literal();
  return parts;
}

Result<std::string> expand_argument(std::string_view argument, const PlaceholderDirectories& directories) {
  const Result<std::vector<ArgumentPart>> parts = split_argument(argument);
  if (!parts.ok()) return parts.error();
  std::string text;
  for (const ArgumentPart& part : parts.value()) {
    switch (part.kind) {
      case ArgumentPart::Kind::kLiteral:
        text += part.text;
        break;
      case ArgumentPart::Kind::kOutput:
        text += directories.output;
        break;
      case ArgumentPart::Kind::kInput:
      case ArgumentPart::Kind::kSideInput: {
        const bool input = part.kind == ArgumentPart::Kind::kInput;
        Result<std::string> directory = directory_of(input ? "inputs" : "sideInputs", part.text,
                                                     input ? directories.inputs : directories.side_inputs);
        if (!directory.ok()) return directory.error();
        text += *directory;
        break;
      }
    }
  }
  return text;
}

bool output_on_workers(const JobSpec& spec) {
  if (spec.output_action == OutputAction::kSummaryOnly || spec.output.mount_on_workers) return true;
  // Records are grouped there. Whether a key is a column or in the name of a folder is known when files are
  // listed; a path pattern says it before.
  if (!spec.partition_keys.empty() && spec.input_type() == InputType::kTabular) {
    for (const Input& input : spec.inputs) {
      if (is_database(input.source.store)) continue;  // groups by itself
      const auto names = names_in_path_pattern(input.path_pattern);
      for (const std::string& key : spec.partition_keys) {
        if (!names || std::find(names->begin(), names->end(), key) == names->end()) return true;
      }
    }
  }
  return std::any_of(spec.arguments.begin(), spec.arguments.end(), [](const std::string& argument) {
    const Result<std::vector<ArgumentPart>> parts = split_argument(argument);
    return parts.ok() &&
           std::any_of(parts.value().begin(), parts.value().end(),
                       [](const ArgumentPart& part) { return part.kind == ArgumentPart::Kind::kOutput; });
  });
}

}  // namespace parallelrun
