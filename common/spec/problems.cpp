#include "common/spec/problems.h"

#include <fmt/format.h>

#include <utility>

#include "common/spec/utf8.h"
#include "common/text/presentable.h"

namespace parallelrun {

std::string to_string(const SpecProblem& problem) {
  return presentable(problem.path.empty() ? problem.message : problem.path + ": " + problem.message);
}

bool is_option(const SpecProblem& problem) { return problem.path.starts_with("--"); }

std::string to_string(const SpecProblem& problem, std::string_view file_name) {
  if (is_option(problem)) return to_string(problem);
  if (problem.line > 0)
    return fmt::format("{}:{}: {}", presentable(file_name), problem.line, to_string(problem));
  return fmt::format("{}: {}", presentable(file_name), to_string(problem));
}

void Problems::add(std::string path, std::string message, int line) {
  if (full()) return;
  if (list_.size() + 1 == kMost) {
    list_.push_back({"", "there are more problems; these are the first", 0});
    return;
  }
  list_.push_back({std::move(path), std::move(message), line});
}

// Not by operator+: g++ 12 sees an overlap in its insertion at the front, with -O3.
std::string in_quotes(std::string_view value) { return fmt::format("'{}'", shown(value)); }

std::string shown(std::string_view value) {
  constexpr std::size_t kMostBytes = 80;
  const bool shortened = value.size() > kMostBytes;
  // Of an address that is cut, its password must not be what is left.
  const std::string whole = without_credentials(value);
  return presentable(shortened ? utf8_prefix(whole, kMostBytes) : whole) + (shortened ? "..." : "");
}

std::string described(const nlohmann::json& value) {
  using Type = nlohmann::json::value_t;
  switch (value.type()) {
    case Type::null:
      return "nothing (null)";
    case Type::object:
      return "an object";
    case Type::array:
      return "a list";
    case Type::string:
      return "the string " + in_quotes(value.get_ref<const std::string&>());
    case Type::boolean:
      return value.get<bool>() ? "the boolean true" : "the boolean false";
    case Type::number_integer:
    case Type::number_unsigned:
    case Type::number_float:
      return "the number " + value.dump();
    case Type::binary:
    case Type::discarded:
      break;
  }
  return "something unreadable";
}

}  // namespace parallelrun
