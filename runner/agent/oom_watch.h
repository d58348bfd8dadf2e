// Whether the kernel's out-of-memory killer has run: what turns a bare SIGKILL into a reason.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace parallelrun::agent {

class OomWatch {
 public:
  // Counts from now on.
  OomWatch();

  // For a process that was killed by SIGKILL and not by the agent: a part of a sentence for the user.
  // Each kill of the kernel explains one death or more: the count moves on with the call.
  std::string explain_sigkill();

 private:
  static std::optional<std::uint64_t> count();
  std::optional<std::uint64_t> seen_;
};

}  // namespace parallelrun::agent
