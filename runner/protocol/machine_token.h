// The secret of a run on one machine. The launcher makes it, gives it to the orchestrator, and to each agent
// what follows from it and the agent's name: through a pipe that the process has read and closed before it
// starts anything. So it stands in no argument, environment or file, and scripts do not inherit it.
#pragma once

#include <string>
#include <string_view>

#include "common/result/result.h"

namespace parallelrun {

// 64 hexadecimal digits that nobody can guess. Errors: kIo, where the system has no random numbers.
Result<std::string> random_token();
// The token of one agent: an HMAC, so that neither the secret nor another agent's token follows from it.
std::string token_of_agent(std::string_view secret, std::string_view agent);
// Takes as long for any two texts of one length, so that a guess learns nothing from it.
bool same_token(std::string_view a, std::string_view b);

// Reads the whole of a pipe and closes it. Errors: kInvalidArgument (nothing that can be read, or no token).
Result<std::string> read_token(int descriptor);

// Other processes of the same user shall not look into this one: /proc/PID/environ, mem, fd and ptrace are
// root's alone from here on. Without effect on programs that are started later. There are no core files then.
void close_to_others();

}  // namespace parallelrun
