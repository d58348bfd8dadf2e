// Writing a file as a whole: whoever opens it finds the old bytes or the new ones, also after a crash.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace parallelrun {

struct WholeFileOptions {
  mode_t mode = 0600;
  bool despite_umask = false;  // `mode` as it is: others have to read the file
  bool durable_name = true;    // the folder is synced, too: after a crash the name has the new bytes
};

// Writes `bytes` beside `path`, syncs them and gives them that name. Gives 0, or the errno of the call that
// failed; then nothing is left beside, and `path` is what it was (or, where only the folder cannot be synced,
// new). What lies beside begins with ".new-": a killed process leaves it.
int write_whole_file(const std::string& path, std::string_view bytes, WholeFileOptions options = {});

}  // namespace parallelrun
