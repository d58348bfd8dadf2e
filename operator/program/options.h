// The command line of the operator.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "operator/pods/settings.h"

namespace parallelrun::op {

enum class LogFormat { kText, kJson };

struct Options {
  std::string kubeconfig;
  std::string context;
  std::vector<std::string> name_spaces;  // empty: all
  std::size_t workers = 8;
  double qps = 100;  // requests a second to the API server; 0: as many as there are
  int burst = 200;
  Settings settings;
  std::string metrics_address = ":8080";  // "0": none
  std::string health_address = ":8081";
  bool leader_election = true;
  std::string leader_election_name_space;  // empty: that of the pod or context
  std::string log_level = "info";
  LogFormat log_format = LogFormat::kText;
};

struct ParsedOptions {
  bool go_on = false;  // false: everything is said (--help, a mistake); end with exit_code
  int exit_code = 0;
  Options options;
};

// Prints help, version and mistakes itself. `environment` as getenv gives it: POD_NAMESPACE.
ParsedOptions parse_options(int argument_count, char** arguments, const std::string& version);

}  // namespace parallelrun::op
