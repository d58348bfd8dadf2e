#include "runner/cli/pod_options.h"

#include <CLI/CLI.hpp>

#include "common/pod/pod_layout.h"

namespace parallelrun {

void add_places(CLI::App& verb, PodPlaces& places) {
  verb.add_option("--root", places.root, "DIR to put before the paths of the pod's volumes");
  verb.add_option("--job-files", places.job_files, "DIR of the job's Secret");
  verb.add_option("--source-copy", places.source_copy, "DIR for the copy of the code");
  verb.add_option("--scratch", places.scratch, "DIR for files that only this pod uses");
}

TlsFiles pod_tls(const PodPlaces& places) {
  return {places.job_file(pod::kAuthority), places.job_file(pod::kCertificate), places.job_file(pod::kKey)};
}

}  // namespace parallelrun
