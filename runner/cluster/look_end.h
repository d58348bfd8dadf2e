// How a verb that ran in a pod for a user elsewhere has ended: what its standard output was, and what it
// said. The pod's log holds standard output in pieces of base64, a piece a line, since a container's log is
// neither whole nor apart from standard error by itself; the rest is the termination message. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace parallelrun::cluster {

struct LookEnd {
  int exit_code = 0;
  std::uint64_t bytes = 0;  // of standard output
  std::string sha256;       // of standard output
  std::string errors;       // the last of standard error
};

// At most pod::kTerminationMessageLimit bytes: of `errors` the beginning is cut where it is too long.
std::string termination_text(const LookEnd& end);
std::optional<LookEnd> look_end_from(const std::string& text);

}  // namespace parallelrun::cluster
