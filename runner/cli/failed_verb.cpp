#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "common/json/members.h"
#include "common/text/counted.h"
#include "common/text/presentable.h"
#include "runner/cli/cluster_look.h"
#include "runner/cli/job_argument.h"
#include "runner/cli/launcher.h"
#include "runner/cli/shown.h"
#include "runner/cli/terminal.h"
#include "runner/cli/verbs.h"
#include "runner/report/failed_report.h"

namespace parallelrun {
namespace {

using report::FailedItem;

// A table has all its rows in memory, for the width of its columns.
constexpr std::uint64_t kMostInTable = 10000;

struct GivenToFailed {
  JobArgument job;
  std::uint64_t limit = 0;  // 0: all
  Form form = Form::kTable;
};

std::vector<std::string> cells_of(const FailedItem& item) {
  return {item.mini_batch, item.input, item.item, std::to_string(item.count), std::to_string(item.tries),
          item.error};
}

// What a form makes of the rows as they come.
class Rows {
 public:
  explicit Rows(Form form) : form_(form) {}

  bool begin() const {
    if (form_ == Form::kCsv)
      return print(csv_line({"kind", "mini_batch", "input", "item", "count", "tries", "error"}));
    return form_ != Form::kJson || print("[");
  }

  // A table needs all rows before it can print one.
  bool is_table() const { return form_ == Form::kTable || form_ == Form::kWide; }

  bool take(const FailedItem& item) {
    const bool first = count_++ == 0;
    if (form_ == Form::kCsv) {
      std::vector<std::string> cells = cells_of(item);
      cells.insert(cells.begin(), item.kind);
      return print(csv_line(cells));
    }
    if (form_ == Form::kJson)
      return print((first ? "\n" : ",\n") +
                   to_json(item).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
    if (form_ == Form::kYaml)
      return print(document_text(nlohmann::ordered_json::array({to_json(item)}), form_));
    if (form_ == Form::kName) return print(presentable(item.item) + "\n");
    if (rows_.size() < kMostInTable) rows_.push_back(cells_of(item));
    return true;
  }

  bool end() const {
    if (form_ == Form::kJson) return print("\n]\n");
    if (form_ == Form::kYaml && count_ == 0) return print("[]\n");
    if (rows_.empty()) return true;
    return print(table({"MINI-BATCH", "INPUT", "ITEM", "ITEMS", "TRIES", "ERROR"}, rows_,
                       screen_of(STDOUT_FILENO, form_ == Form::kWide)));
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t not_shown() const { return is_table() ? count_ - rows_.size() : 0; }

 private:
  Form form_;
  std::uint64_t count_ = 0;
  std::vector<std::vector<std::string>> rows_;
};

int look(const GivenToFailed& given) {
  ClusterLook look{given.job, "failed", {}, false, ""};
  if (given.limit > 0) look.arguments.push_back("--limit=" + std::to_string(given.limit));
  ask_for_form(look, given.form);
  return cluster_look(look);
}

int run(const GivenToFailed& given) {
  if (given.job.in_cluster()) return look(given);
  const auto job = read_job(given.job.job);
  if (!job) return kExitInvalid;
  // Of a job that has not ended, what was fetched of a store has no such file yet.
  const bool ended = report::has_ended(job->state);
  if (const std::uint64_t failed = count_at(job->progress, "itemsFailed");
      ended && failed > 0 && report::has_no_failed_file(job->directory)) {
    complain(fmt::format(
        "the job has {}, but '{}/failed_items.jsonl' is not there any more: somebody has removed it, and "
        "nobody knows which items they are. To have them run again, resubmit the job",
        counted(failed, "failed item"), job->directory));
    return kExitFailed;
  }
  Rows rows(given.form);
  if (!rows.begin()) return kExitFailed;
  bool cut = false;
  bool gone = false;
  const auto read = report::for_each_failed(job->directory, [&](const FailedItem& item) {
    cut = given.limit > 0 && rows.count() == given.limit;
    if (cut) return false;
    gone = !rows.take(item);
    return !gone;
  });
  if (gone || !rows.end()) return kExitFailed;
  if (!read) {
    complain(read.error().message);
    return kExitFailed;
  }
  if (*read > 0)
    warn(fmt::format("{} of failed_items.jsonl cannot be read and {} left out", counted(*read, "line"),
                     *read == 1 ? "is" : "are"));
  if (rows.is_table() && rows.count() == 0) std::fprintf(stderr, "no failed items\n");
  if (cut) std::fprintf(stderr, "there are more; without --limit all are shown\n");
  if (rows.not_shown() > 0)
    std::fprintf(stderr, "%llu more; with --format csv, json or yaml all are shown\n",
                 static_cast<unsigned long long>(rows.not_shown()));
  return kExitComplete;
}

}  // namespace

Verb add_failed(CLI::App& program) {
  const auto given = std::make_shared<GivenToFailed>();
  CLI::App* verb = program.add_subcommand("failed", "the items of a job that failed, with the error of each");
  add_job_argument(*verb, given->job);
  verb->add_option("--limit", given->limit, "only the first ones; default: all")
      ->check(CLI::NonNegativeNumber);
  add_form_option(*verb, given->form,
                  {{"table", Form::kTable},
                   {"wide", Form::kWide},
                   {"json", Form::kJson},
                   {"yaml", Form::kYaml},
                   {"name", Form::kName},
                   {"csv", Form::kCsv}});
  verb->footer("Example: parallelrun failed results/digits -o csv > failed.csv");
  return {verb, [given] { return run(*given); }};
}

}  // namespace parallelrun
