#include "tests/simulation/accounts.h"

#include <algorithm>
#include <sstream>

#include "common/json/json.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::simulation {

void Accounts::add(const JournalRecord& record) {
  if (const auto* begun = std::get_if<EpochStart>(&record)) {
    if (begun->epoch <= epoch) problems.push_back(fmt::format("epoch {} after {}", begun->epoch, epoch));
    if (ended) problems.push_back("an epoch begins in a run that has ended");
    epoch = begun->epoch;
  } else if (const auto* next = std::get_if<RunStart>(&record)) {
    if (ended != JobState::kFailed || next->run != run + 1)
      problems.push_back(fmt::format("run {} begins after run {}", next->run, run));
    run = next->run;
    ended.reset();
    tries.clear();
    counts.tries_failed = 0;
    reopen_failed();
  } else if (const auto* group = std::get_if<GroupRecord>(&record)) {
    if (ended) problems.push_back("a commit after the end");
    for (const CommitEntry& entry : group->entries) add(entry);
  } else if (std::holds_alternative<SealRecord>(record)) {
    if (ended) problems.push_back("an output is sealed after the end");
  } else {
    if (ended) problems.push_back("the job ends twice");
    ended = std::get<EndRecord>(record).state;
    if (ended == JobState::kInterrupted)
      problems.push_back("an interrupted job is taken for one that has ended");
  }
}

void Accounts::add(const CommitEntry& entry) {
  const WorkId id = entry.work;
  if (!attempts.insert(entry.attempt).second)
    problems.push_back(
        fmt::format("attempt {:x} of mini-batch {} is committed twice", entry.attempt, to_string(id)));
  if (entry.attempt >> 32U > epoch)
    problems.push_back(fmt::format("attempt {:x} is of an epoch to come", entry.attempt));
  if (finished.count(id) > 0)
    problems.push_back(fmt::format("mini-batch {} is committed twice", to_string(id)));
  if (entry.attempt >> 32U < epoch) ++old_epoch_commits;
  const auto split = open.find(id.mini_batch.value);
  if (id.part == 0 ? split != open.end() : split == open.end() || split->second.count(id.part) == 0)
    problems.push_back(fmt::format("mini-batch {} is committed, and is not open", to_string(id)));
  if (entry.kind == CommitEntry::Kind::kSucceeded) {
    counts.items_failed += entry.items_failed;
    counts.items_succeeded += entry.items - entry.items_failed;
    finish(entry);
    return;
  }
  ++counts.tries_failed;
  const std::uint32_t charged = ++tries[id];
  const bool several = isolate && entry.items > 1;
  const std::uint32_t allowed = several && id.part != 0 ? 1 : run_max_try;
  const bool last = charged >= allowed;
  if (last != (entry.kind != CommitEntry::Kind::kTryFailed))
    problems.push_back(fmt::format("try {} of {} of mini-batch {} is wrongly the last or not", charged,
                                   allowed, to_string(id)));
  if (entry.kind == CommitEntry::Kind::kSplit) {
    if (!several) problems.push_back(fmt::format("mini-batch {} is split", to_string(id)));
    tries.erase(id);
    auto& parts = open[id.mini_batch.value];
    const std::uint32_t place = std::max(id.part, 1U);
    parts.erase(id.part);
    parts.insert({place * 2, place * 2 + 1});
  }
  if (entry.kind != CommitEntry::Kind::kFailed) return;
  counts.items_failed += entry.items;
  finish(entry);
}

void Accounts::finish(const CommitEntry& entry) {
  finished[entry.work] = entry;
  tries.erase(entry.work);
  const std::uint64_t id = entry.work.mini_batch.value;
  if (entry.work.part != 0) {
    open[id].erase(entry.work.part);
    if (!open[id].empty()) return;
  }
  bool any_failed = false;
  bool any_short = false;
  for (auto it = finished.lower_bound({{id}, 0}); it != finished.end(); ++it) {
    const auto& [work, done] = *it;
    if (work.mini_batch.value != id) break;
    any_failed = any_failed || done.kind == CommitEntry::Kind::kFailed;
    any_short = any_short || (done.kind == CommitEntry::Kind::kSucceeded && done.items_failed > 0);
  }
  ++(any_failed ? counts.failed : counts.succeeded);
  if (!any_failed && any_short) ++counts.short_ones;
}

void Accounts::reopen_failed() {
  for (auto it = finished.begin(); it != finished.end();) {
    const auto& [work, entry] = *it;
    if (entry.kind != CommitEntry::Kind::kFailed) {
      ++it;
      continue;
    }
    counts.items_failed -= entry.items;
    if (work.part != 0) open[work.mini_batch.value].insert(work.part);
    it = finished.erase(it);
  }
  counts.failed = 0;
}

std::uint64_t Accounts::finished_mini_batches() const {
  std::set<std::uint64_t> ids;
  for (const auto& [work, entry] : finished) {
    const auto split = open.find(work.mini_batch.value);
    if (split == open.end() || split->second.empty()) ids.insert(work.mini_batch.value);
  }
  return ids.size();
}

Accounts accounts_of(FaultyDisk& disk, const std::string& fingerprint, std::uint32_t run_max_try,
                     bool isolate) {
  Accounts accounts;
  accounts.isolate = isolate;
  accounts.run_max_try = run_max_try;
  auto file = disk.open(kJournalPath);
  auto read =
      read_journal(*file.value(), fingerprint, ~0ULL, [&](JournalRecord&& record, std::uint64_t) -> Status {
        accounts.add(record);
        return {};
      });
  if (!read) accounts.problems.push_back(read.error().message);
  return accounts;
}

std::uint64_t last_record(FaultyDisk& disk, const std::string& fingerprint) {
  if (!disk.has(kJournalPath)) return 0;
  auto file = disk.open(kJournalPath);
  auto end = read_journal(*file.value(), fingerprint, ~0ULL,
                          [](JournalRecord&&, std::uint64_t) { return Status(); });
  return end ? end->last : 0;
}

bool is_exceeded(JobReason reason, const orchestrator::Thresholds& thresholds, const Counts& counts,
                 std::uint64_t planned, bool plan_complete) {
  switch (reason) {
    case JobReason::kErrorThresholdExceeded:
      return thresholds.error_threshold != -1 &&
             counts.items_failed >= static_cast<std::uint64_t>(thresholds.error_threshold) + 1;
    case JobReason::kAllowedFailedCountExceeded:
      return thresholds.allowed_failed_count &&
             counts.failed + counts.short_ones >=
                 static_cast<std::uint64_t>(*thresholds.allowed_failed_count) + 1;
    case JobReason::kAllowedFailedPercentExceeded:
      return thresholds.allowed_failed_percent && plan_complete &&
             100.0 * static_cast<double>(counts.failed + counts.short_ones) >
                 *thresholds.allowed_failed_percent * static_cast<double>(planned);
    default:
      return false;
  }
}

bool is_any_exceeded(const orchestrator::Thresholds& thresholds, const Counts& counts, std::uint64_t planned,
                     bool plan_complete) {
  return is_exceeded(JobReason::kErrorThresholdExceeded, thresholds, counts, planned, plan_complete) ||
         is_exceeded(JobReason::kAllowedFailedCountExceeded, thresholds, counts, planned, plan_complete) ||
         is_exceeded(JobReason::kAllowedFailedPercentExceeded, thresholds, counts, planned, plan_complete);
}

std::vector<std::string> problems_of_failed_items(const std::string& text, const Accounts& accounts) {
  std::vector<std::string> problems;
  std::set<WorkId> listed;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) {
      problems.push_back("a torn line in failed_items.jsonl: " + line);
      continue;
    }
    const WorkId id{{json["miniBatch"].get<std::uint64_t>()}, json.value("part", 0U)};
    if (!listed.insert(id).second)
      problems.push_back(fmt::format("mini-batch {} has two lines in failed_items.jsonl", to_string(id)));
    const auto found = accounts.finished.find(id);
    if (found == accounts.finished.end()) {
      problems.push_back(
          fmt::format("failed_items.jsonl names mini-batch {}, which is not finished", to_string(id)));
      continue;
    }
    const CommitEntry& entry = found->second;
    const bool failed = entry.kind == CommitEntry::Kind::kFailed;
    if ((json["kind"] == "failed") != failed || json["count"] != entry.items_failed ||
        (failed && json["tries"] != accounts.run_max_try)) {
      problems.push_back("failed_items.jsonl differs from the journal: " + line);
    }
  }
  for (const auto& [id, entry] : accounts.finished) {
    if (entry.items_failed > 0 && listed.count(id) == 0)
      problems.push_back(fmt::format("mini-batch {} is missing in failed_items.jsonl", to_string(id)));
  }
  return problems;
}

}  // namespace parallelrun::simulation
