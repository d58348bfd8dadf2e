#include "runner/job/conda_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <compare>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "common/json/json.h"
#include "common/result/try.h"
#include "common/spec/document.h"
#include "common/spec/problems.h"

namespace parallelrun {
namespace {

using nlohmann::json;

constexpr std::string_view kSpaces = " \t";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) + 1 - begin);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
}

Error broken(const std::string& message) { return {ErrorCode::kInvalidArgument, message, false}; }

std::string comparable(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '-' || c == '_' || c == '.') {
      if (!out.ends_with('-')) out += '-';
    } else {
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return out;
}

std::optional<CondaPackage> package_of(const std::string& written) {
  std::string_view text = trimmed(written);
  if (const std::size_t channel = text.find("::"); channel != std::string_view::npos)
    text = trimmed(text.substr(channel + 2));
  if (const std::size_t bracket = text.find('['); bracket != std::string_view::npos)
    text = trimmed(text.substr(0, bracket));
  std::size_t end = 0;
  while (end < text.size() && is_name_character(text[end])) ++end;
  if (end == 0) return std::nullopt;
  CondaPackage package{written, comparable(text.substr(0, end)), {}};
  std::string_view rest = trimmed(text.substr(end));
  if (rest.empty()) return package;
  const bool fuzzy = rest.front() == '=' && !rest.starts_with("==");
  // "numpy 1.21.*" is "numpy==1.21.*"; a third part ("=1.21=py38_0", "1.21 py38_0") names a build of a
  // channel.
  if (is_digit(rest.front())) {
    rest = rest.substr(0, rest.find_first_of("= \t"));
    package.constraint = "==" + std::string(rest);
  } else if (fuzzy) {
    const std::string_view version = trimmed(rest.substr(1));
    const std::size_t build = version.find_first_of("= \t");
    package.constraint =
        (build == std::string_view::npos ? "=" : "==") + std::string(version.substr(0, build));
  } else {
    package.constraint = rest;
    std::erase_if(package.constraint, [](char c) { return kSpaces.find(c) != std::string_view::npos; });
  }
  return package;
}

// --- versions ---

// The release of a version, "1.21.0rc1" -> 1, 21, 0. Nothing: it is none.
std::optional<std::vector<std::uint64_t>> release_of(std::string_view version) {
  std::vector<std::uint64_t> out;
  std::size_t at = 0;
  while (at < version.size() && is_digit(version[at])) {
    std::uint64_t number = 0;
    while (at < version.size() && is_digit(version[at])) {
      if (number > 1'000'000'000) return std::nullopt;
      number = number * 10 + static_cast<std::uint64_t>(version[at++] - '0');
    }
    out.push_back(number);
    if (at + 1 >= version.size() || version[at] != '.' || !is_digit(version[at + 1])) break;
    ++at;
  }
  if (out.empty()) return std::nullopt;
  return out;
}

std::strong_ordering compared(std::vector<std::uint64_t> a, std::vector<std::uint64_t> b) {
  const std::size_t parts = std::max(a.size(), b.size());
  a.resize(parts);
  b.resize(parts);
  return a <=> b;
}

bool begins_with(const std::vector<std::uint64_t>& version, const std::vector<std::uint64_t>& start) {
  return version.size() >= start.size() && std::equal(start.begin(), start.end(), version.begin());
}

bool allows_one(std::string_view term, std::string_view version) {
  static constexpr std::array<std::string_view, 7> kSigns = {"==", "!=", "<=", ">=", "=", "<", ">"};
  const auto* sign =
      std::find_if(kSigns.begin(), kSigns.end(), [&](std::string_view one) { return term.starts_with(one); });
  const std::string_view op = sign == kSigns.end() ? "==" : *sign;
  if (sign != kSigns.end()) term.remove_prefix(sign->size());
  if (term == "*") return true;
  const bool star = term.ends_with(".*") || term.ends_with('*');
  if (star) term = term.substr(0, term.find_last_not_of(".*") + 1);
  const auto wanted = release_of(term);
  const auto have = release_of(version);
  if (!wanted || !have || term.find('*') != std::string_view::npos) return false;
  if (op == "=" || (star && op == "==")) return begins_with(*have, *wanted);
  if (star && op == "!=") return !begins_with(*have, *wanted);
  const auto order = compared(*have, *wanted);
  if (op == "==") return order == 0;
  if (op == "!=") return order != 0;
  if (op == "<") return order < 0;
  if (op == "<=") return order <= 0;
  if (op == ">") return order > 0;
  return order >= 0;
}

// Whether `allows` holds for each, or any, of the parts between the separators.
bool for_parts(std::string_view text, char separator, bool each, const auto& allows) {
  for (;;) {
    const std::size_t end = text.find(separator);
    if (allows(text.substr(0, end)) != each) return !each;
    if (end == std::string_view::npos) return each;
    text.remove_prefix(end + 1);
  }
}

class Reader {
 public:
  Result<CondaFile> read(std::string_view text) {
    Problems problems;
    const Document document = parse_document(text, ManifestFormat::kYaml, problems);
    if (!problems.empty()) {
      const SpecProblem& first = problems.list().front();
      return broken(first.line > 0 ? fmt::format("line {}: {}", first.line, first.message) : first.message);
    }
    const json& root = document.root;
    if (!root.is_object() || !root.contains("dependencies") || !root["dependencies"].is_array()) {
      return broken(
          "it has no list 'dependencies', as a conda environment file has; if it is a requirements file, "
          "name "
          "it in requirementsFile");
    }
    if (const auto variables = root.find("variables"); variables != root.end() && !variables->empty()) {
      return broken(
          "it sets environment variables ('variables'), which are not read here; move them to "
          "spec.environment.variables");
    }
    for (const json& entry : root["dependencies"]) {
      RETURN_IF_ERROR(take(entry));
    }
    return std::move(file_);
  }

 private:
  Status take(const json& entry) {
    if (entry.is_object() && entry.size() == 1 && entry.contains("pip")) return take_pip(entry["pip"]);
    if (!entry.is_string()) {
      return broken(
          fmt::format("an entry of 'dependencies' is {}; write a package, such as 'python=3.10', or "
                      "the list 'pip:'",
                      described(entry)));
    }
    const std::string& written = entry.get_ref<const std::string&>();
    auto package = package_of(written);
    if (!package) return broken(fmt::format("{} is not the name of a package", in_quotes(written)));
    if (package->name == "pip") return {};
    if (package->name != "python") {
      file_.packages.push_back(std::move(*package));
      return {};
    }
    if (!file_.python.name.empty()) return broken("it names python twice; leave one of the two lines");
    file_.python = std::move(*package);
    return {};
  }

  Status take_pip(const json& lines) {
    if (!lines.is_array()) return broken("'pip:' is not a list; write one requirement in each line of it");
    for (const json& line : lines) {
      if (!line.is_string())
        return broken(fmt::format("an entry of 'pip:' is {}; write a requirement, such as 'pillow==10.4.0'",
                                  described(line)));
      const std::string& written = line.get_ref<const std::string&>();
      if (written.find_first_of("\r\n") != std::string::npos)
        return broken(
            fmt::format("{} of 'pip:' contains a line break; write one requirement in each line of it",
                        in_quotes(written)));
      file_.pip.push_back(written);
    }
    return {};
  }

  CondaFile file_;
};

}  // namespace

Result<CondaFile> parse_conda_file(std::string_view text) { return Reader().read(text); }

Result<CondaFile> read_conda_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream all;
  all << file.rdbuf();
  if (!file)
    return Error{ErrorCode::kIo, fmt::format("{} cannot be read: {}", in_quotes(path), std::strerror(errno))};
  Result<CondaFile> conda = parse_conda_file(all.str());
  if (!conda) return broken(fmt::format("{}: {}", in_quotes(path), conda.error().message));
  return conda;
}

bool conda_allows(std::string_view constraint, std::string_view version) {
  if (constraint.empty()) return true;
  return for_parts(constraint, '|', false, [&](std::string_view alternative) {
    return for_parts(alternative, ',', true,
                     [&](std::string_view term) { return allows_one(term, version); });
  });
}

}  // namespace parallelrun
