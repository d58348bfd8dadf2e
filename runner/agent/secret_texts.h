// Values of variables that come from Secrets [environment], and must stand in no log: an index's address with
// its token, say. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace parallelrun::agent {

class SecretTexts {
 public:
  // Shorter ones are words like any other.
  static constexpr std::size_t kShortest = 5;

  // A value may be a list of addresses. Of each address its user, its password and what follows the host
  // count, too, since a program that leaves out the one may write the other.
  void add(std::string_view value);
  // "***" in the place of each of them.
  std::string without(std::string text) const;

 private:
  void add_one(std::string_view text);

  std::vector<std::string> texts_;  // the longest first
};

}  // namespace parallelrun::agent
