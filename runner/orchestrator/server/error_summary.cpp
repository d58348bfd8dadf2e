#include "runner/orchestrator/server/error_summary.h"

#include <algorithm>
#include <numeric>

#include "common/hash/sha256.h"
#include "common/text/counted.h"
#include "runner/progress/progress.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {
namespace {

constexpr std::size_t kLongestKey = 300;
constexpr std::size_t kLongestMessage = 2000;
constexpr std::size_t kLongestTraceback = 64U << 10U;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Errors that differ in numbers only (indices, addresses, sizes) are alike, and so are those that name
// another file of the input.
std::string key_of(const ScriptError& error) {
  std::string key = std::string(to_string(error.phase)) + '\0' + error.type + '\0';
  if (is_shortfall(error)) return key;
  const std::string_view message = std::string_view(error.message).substr(0, kLongestKey);
  bool in_path = false;
  for (std::size_t i = 0; i < message.size(); ++i) {
    const char c = message[i];
    const bool path_starts =
        c == '/' && (i == 0 || message[i - 1] == '\'' || message[i - 1] == '"' || message[i - 1] == ' ');
    if (path_starts) {
      in_path = true;
      key += '/';
    } else if (in_path) {
      in_path = c != '\'' && c != '"' && c != ' ' && c != ',' && c != '\n';
      if (!in_path) key += c;
    } else if (!is_digit(c)) {
      key += c;
    } else if (key.back() != '#') {
      key += '#';
    }
  }
  return key;
}

std::string file_name_part(const std::string& text) {
  std::string out;
  for (const char c : text.substr(0, 60)) {
    const bool plain =
        is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
    out += plain ? c : '_';
  }
  return out.empty() ? "error" : out;
}

// The end says why.
std::string shortened(const std::string& text, std::size_t limit) {
  if (text.size() <= limit) return text;
  return text.substr(0, limit / 2) + " ... (shortened) ... " + text.substr(text.size() - limit / 2);
}

// The end of a traceback says most.
std::string last_part(const std::string& text, std::size_t limit) {
  return text.size() <= limit ? text : "(shortened) ... " + text.substr(text.size() - limit);
}

}  // namespace

std::optional<ErrorSummary::Traceback> ErrorSummary::add(const ScriptError& error,
                                                         const Occurrence& occurrence) {
  ++total_;
  std::string key = key_of(error);
  auto found = index_.find(key);
  if (found == index_.end()) {
    if (groups_.size() >= limits_.groups) {
      ++others_;
      return std::nullopt;
    }
    Group group;
    group.example = error;
    group.example.message = one_line(error.message, kLongestMessage);
    group.example.traceback.clear();
    group.first = occurrence;
    const std::string phase = to_string(error.phase);
    group.path = fmt::format("user/error/{}-{}-{}.txt", phase.empty() ? "process" : phase,
                             file_name_part(error.type), sha256_hex(key).substr(0, 8));
    found = index_.emplace(std::move(key), groups_.size()).first;
    groups_.push_back(std::move(group));
  }
  Group& group = groups_[found->second];
  ++group.count;
  group.last_time = occurrence.time;

  if (group.tracebacks >= limits_.tracebacks) return std::nullopt;
  std::string text =
      fmt::format("--- {} {}{}{}\n{}\n", occurrence.time, occurrence.where,
                  occurrence.what_for.empty() ? "" : ", ", occurrence.what_for, one_line(error));
  // The full text is here and nowhere else; a traceback mostly ends with it.
  if (error.traceback.find(error.message) == std::string::npos && error.message.size() > kLongestLine)
    text += shortened(error.message, kLongestTraceback) + "\n";
  if (!error.traceback.empty()) text += last_part(error.traceback, kLongestTraceback) + "\n";
  if (traceback_bytes_ + text.size() > limits_.traceback_bytes) return std::nullopt;
  traceback_bytes_ += text.size();
  if (++group.tracebacks == limits_.tracebacks) {
    text += fmt::format("--- {} errors of this kind are kept here; user/error.txt counts the others\n",
                        limits_.tracebacks);
  }
  return Traceback{group.path, std::move(text)};
}

std::vector<std::size_t> ErrorSummary::by_frequency() const {
  std::vector<std::size_t> order(groups_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [this](std::size_t a, std::size_t b) { return groups_[a].count > groups_[b].count; });
  return order;
}

nlohmann::json ErrorSummary::json() const {
  nlohmann::json errors = nlohmann::json::array();
  for (const std::size_t i : by_frequency()) {
    const Group& group = groups_[i];
    errors.push_back({{"count", group.count},
                      {"phase", to_string(group.example.phase)},
                      {"type", group.example.type},
                      {"message", group.example.message},
                      {"first", group.first.time},
                      {"where", group.first.where},
                      {"what", group.first.what_for},
                      {"last", group.last_time},
                      {"tracebacks", group.path}});
  }
  return {{"errors", std::move(errors)}, {"others", others_}};
}

std::string ErrorSummary::text() const {
  if (empty()) return {};
  std::string out = fmt::format("{} of {}\n", counted(total_, "error"), counted(groups_.size(), "kind"));
  for (const std::size_t i : by_frequency()) {
    const Group& group = groups_[i];
    const std::string phase = to_string(group.example.phase);
    out += fmt::format("\n{} x in {}: {}\n", group.count, phase.empty() ? "the process" : phase,
                       one_line(group.example));
    out += fmt::format("  first {} {}{}{}\n", group.first.time, group.first.where,
                       group.first.what_for.empty() ? "" : ", ", group.first.what_for);
    if (group.count > 1) out += fmt::format("  last  {}\n", group.last_time);
    out += fmt::format("  tracebacks: logs/{}\n", group.path);
  }
  if (others_ > 0) out += fmt::format("\n{} x other kinds of errors that are not listed\n", others_);
  return out;
}

}  // namespace parallelrun::orchestrator
