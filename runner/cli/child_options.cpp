#include "runner/cli/child_options.h"

#include <CLI/CLI.hpp>

namespace parallelrun {

void add_child_options(CLI::App& verb, TlsFiles& tls, pid_t& parent) {
  verb.add_option("--tls-ca", tls.ca, "PEM file of the job's certificate authority");
  verb.add_option("--tls-certificate", tls.certificate, "PEM file");
  verb.add_option("--tls-key", tls.key, "PEM file");
  verb.add_option("--parent", parent, "process id of the parent; this process ends with it");
}

}  // namespace parallelrun
