// What must hold in every simulated job, whatever happens.
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "runner/orchestrator/failed_items.h"
#include "runner/orchestrator/state_files.h"
#include "spdlog/fmt/fmt.h"
#include "tests/simulation/world.h"

namespace parallelrun::simulation {
namespace {

constexpr const char* kOutput = "parallel_run_step.txt";
constexpr const char* kFingerprint = "simulated";

// The rows of one mini-batch as the output has them.
struct Written {
  std::uint64_t version = 0;
  std::uint64_t attempt = 0;
  std::uint64_t rows = 0;
};

// By mini-batch. A problem: what is wrong with the text by itself.
std::map<std::uint64_t, Written> read_output(const std::string& text, std::string& problem) {
  std::map<std::uint64_t, Written> all;
  if (!text.empty() && text.back() != '\n') problem = "the output ends within a row";
  std::istringstream lines(text);
  std::uint64_t before = ~0ULL;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::uint64_t id = 0, version = 0, row = 0, attempt = 0;
    if (!(fields >> id >> version >> row >> attempt)) {
      problem = "a torn row: " + line;
      continue;
    }
    Written& written = all[id];
    if (written.rows != row)
      problem = fmt::format("row {} of mini-batch {} comes at place {}", row, id, written.rows);
    if (written.rows > 0 && (before != id || written.attempt != attempt)) {
      problem = fmt::format("mini-batch {} is in the output more than once", id);
    }
    written = {version, attempt, row + 1};
    before = id;
  }
  return all;
}

}  // namespace

void World::on_try_failed(const orchestrator::AgentView&, const AttemptResult& result, std::uint32_t tries,
                          bool final) {
  if (tries > run_max_try_) violated(fmt::format("try {} of mini-batch {}", tries, result.mini_batch.value));
  if (final != (tries == run_max_try_)) violated("the last try is not the last");
}

void World::check_leases(std::uint64_t session, const LeaseReply& reply) {
  for (const Lease& lease : reply.leases) {
    if (lease.try_number < 1 || lease.try_number > run_max_try_) {
      violated(fmt::format("lease of try {} of mini-batch {}", lease.try_number, lease.mini_batch.value));
    }
    const auto [found, first] = session_of_attempt_.emplace(lease.attempt, session);
    if (first && held_) violated(fmt::format("attempt {:x} is leased by a held orchestrator", lease.attempt));
    if (!first && found->second != session)
      violated(fmt::format("attempt {:x} is leased to two sessions", lease.attempt));
  }
}

void World::check_bounds() {
  const orchestrator::Progress progress = process_->core->progress();
  if (progress.leased + progress.waiting_retry > options().max_book)
    violated("the lease book grows beyond its bound");
}

void World::check_acknowledged(const orchestrator::MiniBatchSet& committed) {
  for (const std::uint64_t id : acknowledged_) {
    if (!committed.contains(MiniBatchId{id}))
      violated(fmt::format("mini-batch {} was acknowledged and is lost", id));
  }
}

// The output holds what the journal says is committed: each mini-batch once and whole, nothing else.
void World::check_output(const orchestrator::RecoveredJob& job) {
  if (job.lost_groups > 0) violated("commits were lost on an honest disk");
  const std::string text = disk_.content(kOutput);
  if (text.size() != job.output_length)
    violated(fmt::format("{} bytes, {} committed", text.size(), job.output_length));
  std::string problem;
  const auto written = read_output(text, problem);
  if (!problem.empty()) violated(problem);
  std::uint64_t items_failed = 0;
  for (const auto& [id, rows] : written) {
    if (!job.finished.contains(MiniBatchId{id}) || job.failed.contains(MiniBatchId{id})) {
      violated(fmt::format("mini-batch {} is in the output, but not committed", id));
    }
    if (id >= plan_.planned().size()) {
      violated(fmt::format("mini-batch {} is committed, its plan is not durable", id));
      continue;
    }
    const ModelPlan::Planned& planned = plan_.planned()[id];
    if (planned.version != rows.version) violated(fmt::format("mini-batch {} is of another plan", id));
    const std::uint64_t whole =
        natures_[id] == Nature::kShort && planned.items > 1 ? planned.items - 1 : planned.items;
    if (rows.rows != whole) violated(fmt::format("mini-batch {} has {} of {} rows", id, rows.rows, whole));
    items_failed += planned.items - rows.rows;
  }
  if (written.size() != job.counts.succeeded) {
    violated(fmt::format("{} mini-batches in the output, {} counted", written.size(), job.counts.succeeded));
  }
  job.failed.for_each_interval([&](std::uint64_t first, std::uint64_t past) {
    for (std::uint64_t id = first; id < past; ++id) items_failed += plan_.planned()[id].items;
  });
  if (items_failed != job.counts.items_failed) {
    violated(fmt::format("{} items failed, {} counted", items_failed, job.counts.items_failed));
  }
}

// Charged failures of each mini-batch in each run.
void World::check_tries_in_journal() {
  auto file = disk_.open(orchestrator::kJournalPath);
  std::map<std::uint64_t, std::uint32_t> charged;
  std::uint64_t last_epoch = 0;
  auto read = orchestrator::read_journal(
      *file.value(), kFingerprint, ~0ULL, [&](orchestrator::JournalRecord&& record, std::uint64_t) -> Status {
        if (const auto* epoch = std::get_if<orchestrator::EpochStart>(&record)) {
          if (epoch->epoch <= last_epoch) violated("an epoch comes twice");
          last_epoch = epoch->epoch;
        }
        if (std::holds_alternative<orchestrator::RunStart>(record)) charged.clear();
        if (const auto* group = std::get_if<orchestrator::GroupRecord>(&record)) {
          for (const orchestrator::CommitEntry& entry : group->entries) {
            if (entry.kind == orchestrator::CommitEntry::Kind::kSucceeded) {
              if (entry.attempt >> 32U < last_epoch) ++report_.old_epoch_commits;
              continue;
            }
            if (++charged[entry.mini_batch.value] > run_max_try_) {
              violated(fmt::format("mini-batch {} was charged more than {} tries", entry.mini_batch.value,
                                   run_max_try_));
            }
          }
        }
        return {};
      });
  if (!read) violated(read.error().message);
}

void World::check_end() {
  disk_.kill_after(-1);
  disk_.faults = {};
  ProcessDisk disk(disk_, ++process_life_);
  disk_.take_over(process_life_);
  auto opened = orchestrator::Committer::open(disk, plan_, {kOutput, kFingerprint, false});
  if (!opened) return violated("the complete job does not open: " + opened.error().message);
  const orchestrator::RecoveredJob& job = opened->job;
  if (job.ended != orchestrator::JobState::kComplete)
    violated("the journal does not say that the job is complete");
  check_output(job);
  check_acknowledged(job.finished);
  check_tries_in_journal();
  if (job.finished.size() != plan_.total() || job.finished.frontier() != plan_.total()) {
    violated(fmt::format("{} of {} mini-batches are finished", job.finished.size(), plan_.total()));
  }
  if (!disk_.has(orchestrator::kSuccessPath)) violated("no _SUCCESS");
  if (tabular_ && plan_.total() > 1 && job.types.count(1) == 0) violated("no column types");

  // failed_items.jsonl: each failed mini-batch once, each shortfall once.
  std::string problem;
  const auto written = read_output(disk_.content(kOutput), problem);
  std::map<std::uint64_t, std::uint64_t> lines_of;
  std::uint64_t items_failed = 0;
  std::istringstream lines(disk_.content(orchestrator::kFailedItemsPath));
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) {
      violated("a torn line in failed_items.jsonl: " + line);
      continue;
    }
    const auto id = json["miniBatch"].get<std::uint64_t>();
    items_failed += json["count"].get<std::uint64_t>();
    if (++lines_of[id] > 1) violated(fmt::format("mini-batch {} has two lines in failed_items.jsonl", id));
    const bool failed = json["kind"] == "failed";
    if (failed == (written.count(id) > 0))
      violated(fmt::format("mini-batch {} has both failed and succeeded", id));
    if (failed && json["tries"].get<std::uint32_t>() != run_max_try_) violated("failed before its last try");
    if (failed && (natures_[id] == Nature::kGood || natures_[id] == Nature::kShort))
      violated("a good one failed");
  }
  if (items_failed != job.counts.items_failed) violated("failed_items.jsonl and the counts differ");

  const nlohmann::json result =
      nlohmann::json::parse(disk_.content(orchestrator::kResultPath), nullptr, false);
  if (!result.is_object() || result.value("state", "") != "Complete" ||
      result.value("itemsFailed", ~0ULL) != job.counts.items_failed ||
      result.value("miniBatchesProcessed", ~0ULL) != plan_.total()) {
    violated("result.json differs from the journal: " + result.dump());
  }
}

}  // namespace parallelrun::simulation
