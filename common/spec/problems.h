// What is wrong with a manifest, all of it at once: the user mends everything in one go.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json.h"

namespace parallelrun {

// One broken rule.
struct SpecProblem {
  // "spec.inputs[0].glob", an option ("--set 'nodeCount=x'"), or empty: the document as a whole.
  std::string path;
  std::string message;  // the value, the rule and the way out
  int line = 0;         // in the manifest, from 1; 0: not known

  bool operator==(const SpecProblem&) const = default;
};

// Whether it is the command line's, not the manifest's.
bool is_option(const SpecProblem& problem);

// "spec.miniBatchSize: '10XB' is not a size; ..."
std::string to_string(const SpecProblem& problem);
// The same with "job.yaml:12: " in front, as compilers do it, unless it is an option's.
std::string to_string(const SpecProblem& problem, std::string_view file_name);

// Collects problems. It stops taking more after a hundred: nobody reads the next hundred, and a hostile
// document shall not turn into a report of gigabytes.
class Problems {
 public:
  static constexpr std::size_t kMost = 100;

  void add(std::string path, std::string message, int line = 0);
  bool empty() const { return list_.empty(); }
  bool full() const { return list_.size() >= kMost; }
  std::size_t size() const { return list_.size(); }
  const std::vector<SpecProblem>& list() const { return list_; }
  std::vector<SpecProblem> take() { return std::move(list_); }

 private:
  std::vector<SpecProblem> list_;
};

// A value as it is shown in a message: in single quotes, shortened, control characters escaped. Always
// valid UTF-8.
std::string in_quotes(std::string_view value);
// The same without the quotes.
std::string shown(std::string_view value);

// What a value is, in words: "a list", "the number 3", "the string '2'".
std::string described(const nlohmann::json& value);

}  // namespace parallelrun
