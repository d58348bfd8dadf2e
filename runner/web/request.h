// The target of a request, as a page sends it: "/api/jobs/d12/log?path=user%2Ferror.txt&offset=0". Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace parallelrun::web {

struct Target {
  std::vector<std::string> path;             // its parts, decoded: "api", "jobs", "d12", "log"
  std::map<std::string, std::string> query;  // decoded

  // Empty where it is not given.
  std::string text(const std::string& name) const;
  // `otherwise` where it is not given. Errors: kInvalidArgument (no whole number, or not within the bounds).
  Result<std::int64_t> number(const std::string& name, std::int64_t otherwise, std::int64_t least,
                              std::int64_t most) const;
};

// Nothing: it is none. A percent sign that begins no code, a zero byte, a part "." or "..", a slash within a
// part, a name that is given twice.
std::optional<Target> parse_target(std::string_view text);

// The other way round, for the part behind the '?'.
std::string query_text(const std::map<std::string, std::string>& query);

}  // namespace parallelrun::web
