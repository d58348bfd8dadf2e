#include "common/spec/nearest_name.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "common/spec/problems.h"

namespace parallelrun {
namespace {

constexpr std::size_t kLongestMisspelt = 64;  // longer ones are no misspelling, and the cost is quadratic

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// Separators are often what differs: mini_batch_size, mini-batch-size, miniBatchSize.
std::string folded(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c != '_' && c != '-') text.push_back(lower(c));
  }
  return text;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string nearest_name(std::string_view wrong, std::span<const std::string> known) {
  if (wrong.empty() || wrong.size() > kLongestMisspelt) return {};
  const std::string from = folded(wrong);
  const std::string* best = nullptr;
  std::size_t best_distance = 0;
  for (const std::string& candidate : known) {
    const std::string to = folded(candidate);
    const std::size_t limit = std::max<std::size_t>(1, std::min(from.size(), to.size()) / 3);
    std::size_t d = distance(from, to);
    if (from.size() >= 4 && to.starts_with(from)) d = std::min(d, limit);  // claim -> claimName
    if (d > limit || d >= to.size()) continue;
    if (best == nullptr || d < best_distance) {
      best = &candidate;
      best_distance = d;
    }
  }
  return best == nullptr ? std::string() : *best;
}

std::string did_you_mean(std::string_view wrong, std::span<const std::string> known) {
  if (const std::string near = nearest_name(wrong, known); !near.empty()) {
    return "; did you mean " + in_quotes(near) + "?";
  }
  if (known.empty()) return {};
  constexpr std::size_t kMostShown = 8;
  std::string text = "; known: ";
  for (std::size_t i = 0; i < std::min(known.size(), kMostShown); ++i) {
    if (i > 0) text += ", ";
    text += in_quotes(known[i]);
  }
  if (known.size() > kMostShown) text += ", ...";
  return text;
}

}  // namespace parallelrun
