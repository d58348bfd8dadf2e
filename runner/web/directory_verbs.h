// What a page may do to the job of an output directory, and what else does it where the page may not. Pure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "common/result/result.h"
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
  std::string no_python;           // why what the page was started with runs no script; empty: it does
  std::string python;              // which one it runs them with, in words; empty: it is not known
  std::string python_of_job;       // which one the job ran with
};

// {"cancel": {"allowed", "why", "command"}, "suspend", "resume", "scale", "resubmit", "retryFailed"}. `why`
// names the command that does what a button that is off would do. Where "resubmit" is allowed, it has
// "fields", [{"name", "value"}], which may be tuned; it and "retryFailed" may have a "note" for the user.
nlohmann::ordered_json directory_verbs(const DirectoryFacts& facts);

// The words of `parallelrun` behind its name that resubmit the job, with {"set": {FIELD: VALUE}} of "fields".
// Errors: kInvalidArgument.
Result<std::vector<std::string>> resubmit_words(const std::string& output, const nlohmann::json& arguments);

// As a word of a command in a shell: "'a b'", "a/b".
std::string shell_word(const std::string& text);

}  // namespace parallelrun::web
