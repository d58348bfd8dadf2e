#include "runner/job/namespace_runs.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "common/hash/sha256.h"
#include "common/result/try.h"
#include "common/text/presentable.h"

namespace parallelrun {

std::vector<FinishedRun> NamespaceRuns::all(std::vector<std::string>& problems) const {
  std::vector<FinishedRun> runs;
  for (const GivenRun& given : given_) {
    const auto text = read_run_file(given.output + "/" + kRunPath);
    if (!text) continue;  // the results were removed, or lie on another volume of that name
    std::optional<FinishedRun> run;
    if (sha256_hex(*text) == given.record) run = finished_run_from(*text);
    if (!run) {
      problems.push_back(
          fmt::format("the results of the job '{}' are not reused: their '{}' is not the file that the job "
                      "left",
                      given.job, kRunPath));
      continue;
    }
    run->output = given.output;
    run->name = given.job;
    runs.push_back(std::move(*run));
  }
  return runs;
}

std::vector<FinishedRun> NamespaceRuns::with_key(const std::string& key,
                                                 std::vector<std::string>& problems) const {
  std::vector<FinishedRun> runs = all(problems);
  std::erase_if(runs, [&key](const FinishedRun& run) { return run.key() != key; });
  return runs;
}

Status NamespaceRuns::add(const FinishedRun& run) {
  const std::string text = text_of(run);
  RETURN_IF_ERROR(write_whole(run.output + "/" + kRunPath, text));
  record_ = sha256_hex(text);
  return {};
}

void NamespaceRuns::forget(const std::string& output) {
  std::erase_if(given_, [&output](const GivenRun& given) { return given.output == output; });
}

std::string NamespaceRuns::in_words(const FinishedRun& run) const {
  return "job '" + presentable(run.name) + "'";
}

std::string NamespaceRuns::none_in_words() const {
  return "no finished job of the namespace has results on this volume that could be";
}

}  // namespace parallelrun
