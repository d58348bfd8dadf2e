// What must hold in every simulated job, whatever happens.
#include <algorithm>
#include <sstream>
#include <string>

#include "common/json/json.h"
#include "runner/output/failed_items.h"
#include "runner/output/staged_rows.h"
#include "runner/output/state_files.h"
#include "runner/plan/split.h"
#include "runner/wire/wire.h"
#include "spdlog/fmt/fmt.h"
#include "tests/simulation/world.h"

namespace parallelrun::simulation {
namespace {

// The rows of one mini-batch as the output has them.
struct Written {
  std::uint64_t version = 0;
  std::uint64_t attempt = 0;
  std::uint64_t rows = 0;
  std::string types;
};

// As to_string() writes it.
WorkId work_of(const std::string& text) {
  const std::size_t dot = text.find('.');
  return {{std::stoull(text)},
          dot == std::string::npos ? 0U : static_cast<std::uint32_t>(std::stoul(text.substr(dot + 1)))};
}

// A problem: what is wrong with the text by itself.
std::map<WorkId, Written> read_output(const std::string& text, std::string& problem) {
  std::map<WorkId, Written> all;
  if (!text.empty() && text.back() != '\n') problem = "the output ends within a row";
  std::istringstream lines(text);
  std::string before;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::uint64_t version = 0, row = 0, attempt = 0;
    std::string id, types, more;
    if (!(fields >> id >> version >> row >> attempt >> types) || fields >> more) {
      problem = "a torn row: " + line;
      continue;
    }
    Written& written = all[work_of(id)];
    if (written.rows != row)
      problem = fmt::format("row {} of mini-batch {} comes at place {}", row, id, written.rows);
    if (written.rows > 0 && (before != id || written.attempt != attempt || written.types != types)) {
      problem = fmt::format("mini-batch {} is in the output more than once", id);
    }
    written = {version, attempt, row + 1, types};
    before = id;
  }
  return all;
}

// Of the frames of staged_rows.h.
std::string rows_in(const std::string& staged) {
  std::string text;
  wire::Reader reader(staged);
  while (reader.ok() && !reader.rest().empty()) {
    reader.u64();
    reader.u64();
    const std::uint64_t length = reader.u64();
    const std::string_view rest = reader.rest();
    if (!reader.ok() || length > rest.size()) return "torn";
    text += rest.substr(0, static_cast<std::size_t>(length));
    reader = wire::Reader(rest.substr(static_cast<std::size_t>(length)));
  }
  return text;
}

bool in_order(const std::string& text) {
  std::istringstream lines(text);
  WorkId before;
  for (std::string line; std::getline(lines, line);) {
    const WorkId work = work_of(line.substr(0, line.find(' ')));
    if (comes_before(work, before)) return false;
    before = work;
  }
  return true;
}

}  // namespace

void World::on_try_failed(const orchestrator::AgentView&, const AttemptResult& result, std::uint32_t tries,
                          bool final) {
  if (tries > run_max_try_) violated(fmt::format("try {} of mini-batch {}", tries, to_string(result.work)));
  // Whoever is inside run() whenever agents are lost pays for it in the end, good or not.
  if (result.error.type == "AgentLost") unlucky_.insert(result.work);
  const bool several = isolate_ && result.items > 1;
  const std::uint32_t allowed = several && result.work.part != 0 ? 1 : run_max_try_;
  if (result.kind == LeaseKind::kRun && final != (tries == allowed && !several))
    violated("the last try is not the last");
}

void World::on_split(WorkId work, const std::vector<std::uint64_t>& items, const std::string& why) {
  if (why.empty()) ++report_.splits;
  split_.insert(work.mini_batch.value);
  const bool one_piece = natures_[work.mini_batch.value].one_piece;
  if (!isolate_ || one_piece == why.empty() || items.size() != (one_piece ? 0U : 2U))
    violated(fmt::format("mini-batch {} is wrongly split or not", to_string(work)));
}

bool World::has_bad_item(const WorkId& work) const {
  const std::uint64_t id = work.mini_batch.value;
  if (id >= planned_.size()) return true;  // of a plan that is lost
  const std::uint64_t items = planned_[id].items;
  const ItemRange range = items_of_part(work.part, items);
  for (const std::uint64_t bad : {id % items, (id * 5 + 1) % items}) {
    if (bad >= range.begin && bad < range.end) return true;
  }
  return false;
}

void World::on_ending(const JobResult& result) {
  switch (result.reason) {
    case JobReason::kScriptFailed:
      // What an agent reported may be acted on after it was mended.
      if (!an_init_has_failed_) violated("scripts are said to fail, and they do not: " + result.message);
      break;
    case JobReason::kPlanFailed:
      if (!plan_has_failed_) violated("planning is said to have failed: " + result.message);
      break;
    case JobReason::kTypeInferenceFailed:
      if (!tabular_) violated("types are said to have failed");
      break;
    case JobReason::kStopped:
      if (!interrupted_) violated("the job is said to be stopped");
      break;
    default:
      break;
  }
}

void World::check_leases(std::uint64_t session, const LeaseReply& reply) {
  for (const Lease& lease : reply.leases) {
    if (lease.try_number < 1 || lease.try_number > run_max_try_) {
      violated(fmt::format("lease of try {} of mini-batch {}", lease.try_number, to_string(lease.work)));
    }
    const auto [found, first] = session_of_attempt_.emplace(lease.attempt, session);
    if (first && held_) violated(fmt::format("attempt {:x} is leased by a held orchestrator", lease.attempt));
    if (!first && found->second != session)
      violated(fmt::format("attempt {:x} is leased to two sessions", lease.attempt));
  }
}

void World::check_bounds() {
  const Progress progress = process_->core->progress();
  // The parts of what was in the book come on top of it.
  if (progress.leased + progress.waiting_retry > options().max_book + 6 * split_.size())
    violated("the lease book grows beyond its bound");
}

void World::check_acknowledged(const WorkLedger& ledger) {
  // A disk that lies or rots has lost them; they are done again.
  if (dishonest()) return;
  for (const WorkId& id : acknowledged_) {
    if (ledger.is_open(id))
      violated(fmt::format("mini-batch {} was acknowledged and is lost", to_string(id)));
  }
}

void World::check_books(const RecoveredJob& job, bool started) {
  const Accounts books = accounts_of(disk_, kFingerprint, run_max_try_, isolate_);
  for (const std::string& problem : books.problems) violated(problem);
  if (!(job.ledger.counts() == books.counts))
    violated("the counts that were recovered are not those of the journal");
  if (job.ended != books.ended) violated("the end that was recovered is not that of the journal");
  if (job.tries != books.tries) violated("the tries that were recovered are not those of the journal");
  if (job.ledger.finished() != books.finished_mini_batches())
    violated("what is finished is not what the journal says");
  for (const auto& [id, parts] : books.open) {
    if (job.ledger.open_parts({id}) != std::vector<std::uint32_t>(parts.begin(), parts.end()))
      violated(fmt::format("the open parts of mini-batch {} are not those of the journal", id));
    if (started) report_.parts_after_a_start += parts.size();
  }
  std::map<std::uint64_t, std::vector<ItemRange>> done;
  for (const auto& [work, entry] : books.finished) {
    if (job.ledger.is_open(work) ||
        job.ledger.has_failed(work) != (entry.kind == CommitEntry::Kind::kFailed)) {
      violated(fmt::format("mini-batch {} is not recovered as the journal has it", to_string(work)));
    }
    const std::uint64_t id = work.mini_batch.value;
    if (id >= planned_.size()) {
      // Committer::start() refuses it.
      if (started || !dishonest())
        violated(fmt::format("mini-batch {} is committed, its plan is not durable", id));
      continue;
    }
    const ItemRange range = items_of_part(work.part, planned_[id].items);
    done[id].push_back(range);
    const std::uint64_t items = range.size();
    const Nature& nature = natures_[id];
    const bool poisoned = nature.poisoned && has_bad_item(work);
    const bool failed = entry.kind == CommitEntry::Kind::kFailed;
    const std::uint64_t expected = failed ? items : nature.is_short && items > 1 ? 1 : 0;
    if (entry.items != items || entry.items_failed != expected)
      violated(fmt::format("mini-batch {}: {} of {} items failed, {} of {} should have", id,
                           entry.items_failed, entry.items, expected, items));
    if (failed && !poisoned && !nature.flaky && unlucky_.count(work) == 0)
      violated(fmt::format("mini-batch {} is good and failed", to_string(work)));
    if (failed && isolate_ && items > 1 && !nature.one_piece)
      violated(fmt::format("mini-batch {} failed, and was not split", to_string(work)));
  }
  for (auto& [id, ranges] : done) check_ranges(id, ranges);
  const std::string failed_items = disk_.content(kFailedItemsPath);
  if (failed_items.size() != job.failed_items_length)
    violated(
        fmt::format("{} bytes of failed items, {} committed", failed_items.size(), job.failed_items_length));
  for (const std::string& problem : problems_of_failed_items(failed_items, books)) violated(problem);
  books_ = books;
}

// No item is done twice; of a finished mini-batch each is done.
void World::check_ranges(std::uint64_t id, std::vector<ItemRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const ItemRange& a, const ItemRange& b) { return a.begin < b.begin; });
  std::uint64_t items = 0;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    items += ranges[i].size();
    if (i > 0 && ranges[i].begin < ranges[i - 1].end)
      violated(fmt::format("items of mini-batch {} are done twice", id));
  }
  if (complete_ && items != planned_[id].items)
    violated(fmt::format("{} of {} items of mini-batch {} are done", items, planned_[id].items, id));
}

// The output holds what the journal says is committed: each mini-batch once and whole, nothing else.
void World::check_output(const RecoveredJob& job) {
  if (job.lost_groups > 0 && !dishonest()) violated("commits were lost on an honest disk");
  if (summary_only_) {
    if (disk_.has(kOutput)) violated("rows of a summary_only job are written");
    return;
  }
  const bool sealed = ordered_ && job.ended == JobState::kComplete;
  const std::string committed = sealed ? std::string() : disk_.content(ordered_ ? kStagedRowsPath : kOutput);
  if (!sealed && committed.size() != job.output_length)
    violated(fmt::format("{} bytes, {} committed", committed.size(), job.output_length));
  const std::string text = sealed ? disk_.content(kOutput) : ordered_ ? rows_in(committed) : committed;
  std::string problem;
  const auto written = read_output(text, problem);
  if (!problem.empty()) violated(problem);
  if (sealed && !in_order(text)) violated("the rows are not in the order of the input");
  const auto types = job.types.find(1);
  for (const auto& [work, rows] : written) {
    const auto entry = books_.finished.find(work);
    const std::uint64_t id = work.mini_batch.value;
    if (entry == books_.finished.end() || entry->second.kind != CommitEntry::Kind::kSucceeded) {
      violated(fmt::format("mini-batch {} is in the output, but not committed", to_string(work)));
      continue;
    }
    if (entry->second.attempt != rows.attempt)
      violated(fmt::format("the rows of mini-batch {} are of another attempt than its commit", id));
    if (id >= planned_.size()) continue;  // said by check_books()
    const Planned& planned = planned_[id];
    if (planned.version != rows.version) violated(fmt::format("mini-batch {} is of another plan", id));
    const std::uint64_t whole = entry->second.items - entry->second.items_failed;
    if (rows.rows != whole) violated(fmt::format("mini-batch {} has {} of {} rows", id, rows.rows, whole));
    const std::string expected = !tabular_ || planned.input == 0 ? "-"
                                 : types == job.types.end()      ? "none"
                                                                 : version_of(types->second.types);
    if (rows.types != expected)
      violated(fmt::format("mini-batch {} was read under types {}, those of the job are {}", id, rows.types,
                           expected));
  }
  const auto succeeded = std::count_if(books_.finished.begin(), books_.finished.end(), [](const auto& one) {
    return one.second.kind == CommitEntry::Kind::kSucceeded;
  });
  if (written.size() != static_cast<std::size_t>(succeeded))
    violated(fmt::format("{} mini-batches in the output, {} counted", written.size(), succeeded));
}

// After each commit: nothing is told that is not durable, and a threshold that is exceeded ends the job.
void World::check_progress() {
  for (const std::string& problem : books_.problems) violated(problem);
  const Progress progress = process_->core->progress();
  if (!(progress.counts == books_.counts)) {
    violated(fmt::format("{} succeeded, {} failed, {} items failed, {} tries: progress tells {}, {}, {}, {}",
                         books_.counts.succeeded, books_.counts.failed, books_.counts.items_failed,
                         books_.counts.tries_failed, progress.counts.succeeded, progress.counts.failed,
                         progress.counts.items_failed, progress.counts.tries_failed));
  }
  if (!process_->core->result() &&
      is_any_exceeded(thresholds_, books_.counts, progress.planned, progress.plan_complete)) {
    violated("a threshold is exceeded, and the job goes on");
  }
}

void World::check_result(const JobResult& result) {
  const Progress& told = result.progress;
  if (!(told.counts == books_.counts)) violated("the result counts what is not in the journal");
  const bool by_threshold = result.reason == JobReason::kErrorThresholdExceeded ||
                            result.reason == JobReason::kAllowedFailedCountExceeded ||
                            result.reason == JobReason::kAllowedFailedPercentExceeded;
  if (by_threshold &&
      (result.state != JobState::kFailed ||
       !is_exceeded(result.reason, thresholds_, books_.counts, told.planned, told.plan_complete))) {
    violated("Failed by a threshold that is not exceeded: " + result.message);
  }
  if (result.state == JobState::kComplete &&
      is_any_exceeded(thresholds_, books_.counts, told.planned, told.plan_complete)) {
    violated("Complete, though a threshold is exceeded");
  }
}

void World::check_end() {
  disk_.kill_after(-1);
  disk_.faults = {};
  ProcessDisk disk(disk_, ++process_life_);
  disk_.take_over(process_life_);
  planned_ = planned_on(disk_);
  auto plan = ProcessPlan::open(disk, false, inputs_);
  if (!plan) return violated("the plan of the complete job does not open: " + plan.error().message);
  auto opened = Committer::open(disk, **plan, committer_options(false));
  if (!opened) {
    if (may_refuse(opened.error())) return;
    return violated("the complete job does not open: " + opened.error().message);
  }
  const RecoveredJob& job = opened->job;
  if (job.ended != JobState::kComplete) violated("the journal does not say that the job is complete");
  check_books(job, false);
  check_output(job);
  check_acknowledged(job.ledger);
  report_.old_epoch_commits += books_.old_epoch_commits;
  if (job.ledger.finished() != inputs_.total || job.ledger.frontier() != inputs_.total) {
    violated(fmt::format("{} of {} mini-batches are finished", job.ledger.finished(), inputs_.total));
  }
  if (!disk_.has(kSuccessPath)) violated("no _SUCCESS");
  if (tabular_ && inputs_.total > 1 && job.types.count(1) == 0) violated("no column types");
  const nlohmann::json result = nlohmann::json::parse(disk_.content(kResultPath), nullptr, false);
  if (!result.is_object() || result.value("state", "") != "Complete" ||
      result.value("itemsFailed", ~0ULL) != job.ledger.counts().items_failed ||
      result.value("miniBatchesProcessed", ~0ULL) != inputs_.total) {
    violated("result.json differs from the journal: " + result.dump());
  }
}

}  // namespace parallelrun::simulation
