// Which agent sends a request, and how it proves it. In the header of every request:
//
//   Authorization: ParallelRun <agent> <proof>
//
// On one machine the proof is the token that the launcher gave to this agent (machine_token.h). Between pods
// the certificate of the connection proves the name, and the proof is a random number of the agent's process:
// another process of the same pod, which can read the certificate too, does not know it.
#pragma once

#include <string>
#include <string_view>

namespace parallelrun {

struct Caller {
  std::string agent;  // as it says; empty: it says nothing
  std::string proof;

  bool certified = false;      // the connection is mutual TLS
  std::string role;            // O of the peer's certificate
  std::string certified_name;  // CN of the peer's certificate
};

inline constexpr std::string_view kAuthorizationScheme = "ParallelRun ";
inline constexpr std::size_t kLongestAgentName = 253;

// Of `value`, the field Authorization; what is not of our form leaves both empty.
void read_authorization(std::string_view value, Caller& caller);
std::string authorization_of(std::string_view agent, std::string_view proof);

}  // namespace parallelrun
