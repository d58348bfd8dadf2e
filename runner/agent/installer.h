// The program that installs [environment] requirements, and what it says: pip, or uv where it is there, which
// is many times faster. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace parallelrun::agent {

// What uv must be told in its own words: it reads neither pip's files nor PIP_*, where users say which index
// they have.
struct UvSettings {
  std::vector<std::string> variables = {};  // "NAME=value"
  std::vector<std::string> options = {};    // for what uv has no variable

  bool operator==(const UvSettings&) const = default;
};
// `settings` is what `pip config list` writes, which has both. What `environment` already says to uv stays.
// Errors: kUnsupported, with the setting that uv cannot follow: pip has to install then.
Result<UvSettings> uv_settings(std::string_view settings, const std::vector<std::string>& environment);
// What that would write of the environment alone, where there is no pip.
std::string pip_settings_of(const std::vector<std::string>& environment);

struct InstallCommand {
  std::string uv;                         // the path of uv; empty: pip of `python`
  std::string python;                     // of the virtual environment
  std::vector<std::string> requirements;  // specifiers
  std::string requirements_file;          // empty: none
  std::string wheels;                     // [wheels] the only place to take packages from; empty: the index
  std::string log;                        // where pip writes its log
  std::vector<std::string> uv_options = {};
};
std::vector<std::string> argv_of(const InstallCommand& command);

// Why an installation has failed, in one line, from what the installer wrote; empty: it is not known.
std::string install_reason(std::string_view output);

}  // namespace parallelrun::agent
