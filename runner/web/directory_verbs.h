// What a page may do to the job of an output directory, and what else does it where the page may not. Pure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "common/json/json.h"
#include "runner/report/job_report.h"

namespace parallelrun::web {

// A job as it was found.
struct DirectoryFacts {
  std::string output;  // absolute
  report::RunState state = report::RunState::kInterrupted;
  pid_t run = 0;                   // the process that an interrupt would go to; 0: see `no_run`
  bool ignores_interrupt = false;  // that process does
  std::string no_run;              // why it cannot be interrupted, as a sentence
  nlohmann::json submission;       // .parallelrun/submission.json; null: not there, or damaged
  std::uint64_t failed = 0;        // items
  std::string no_python;  // why no script can be run with what the page was started with; empty: it can
};

// {"cancel": {"allowed", "why", "command"}, "suspend", "resume", "scale", "resubmit", "retryFailed"}. `why`
// names the command that does what a button that is off would do.
nlohmann::ordered_json directory_verbs(const DirectoryFacts& facts);

// As a word of a command in a shell: "'a b'", "a/b".
std::string shell_word(const std::string& text);

}  // namespace parallelrun::web
