#include "runner/protocol/caller.h"

#include <algorithm>

namespace parallelrun {

void read_authorization(std::string_view value, Caller& caller) {
  if (!value.starts_with(kAuthorizationScheme)) return;
  value.remove_prefix(kAuthorizationScheme.size());
  const std::size_t space = value.find(' ');
  const std::string_view agent = value.substr(0, space);
  const bool printable =
      std::all_of(agent.begin(), agent.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (agent.empty() || agent.size() > kLongestAgentName || !printable) return;
  caller.agent = agent;
  if (space != std::string_view::npos) caller.proof = value.substr(space + 1);
}

std::string authorization_of(std::string_view agent, std::string_view proof) {
  std::string value(kAuthorizationScheme);
  value.append(agent).append(" ").append(proof);
  return value;
}

}  // namespace parallelrun
