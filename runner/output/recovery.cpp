// Committer::open(): from what a crash left to what is committed.
#include <algorithm>
#include <limits>

#include "common/result/try.h"
#include "runner/output/begin_anew.h"
#include "runner/output/committed_files.h"
#include "runner/output/committer.h"
#include "runner/output/failed_items.h"
#include "runner/output/state_files.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

// Commits of a disk that lies about sync can be missing; more than a few are a file that somebody changed.
constexpr std::uint32_t kMostLostGroups = 8;

struct Replay {
  RecoveredJob job;
  JournalEnd end;
  std::uint64_t run_offset = 0;  // of the last RunStart in the journal
  SealRecord sealed;             // the last one
};

Status visit(JournalRecord&& record, std::uint64_t offset, Replay& replay) {
  RecoveredJob& job = replay.job;
  if (const auto* epoch = std::get_if<EpochStart>(&record)) {
    job.epochs.push_back(*epoch);
    job.epoch = epoch->epoch;
    return {};
  }
  if (const auto* run = std::get_if<RunStart>(&record)) {
    apply(*run, job);
    replay.run_offset = offset;
    return {};
  }
  if (const auto* end = std::get_if<EndRecord>(&record)) {
    job.ended = end->state;
    return {};
  }
  if (const auto* seal = std::get_if<SealRecord>(&record)) {
    replay.sealed = *seal;
    return {};
  }
  return apply(std::get<GroupRecord>(std::move(record)), job);
}

Result<Replay> replay_journal(File& journal, const std::string& fingerprint, std::uint64_t limit) {
  Replay replay;
  ASSIGN_OR_RETURN(replay.end, read_journal(journal, fingerprint, limit,
                                            [&replay](JournalRecord&& record, std::uint64_t at) {
                                              return visit(std::move(record), at, replay);
                                            }));
  return replay;
}

// A disk that confirmed a sync and lost it has lost the end of a file, or left zeroes there: those commits
// are done again. Other bytes are somebody's change, and closed runs are not opened for it.
bool lost_by_the_disk(const Damage& damage) {
  return (damage.cut() || damage.zeroes) && !damage.closed && damage.groups <= kMostLostGroups;
}

Status cut_to(File& file, std::uint64_t length) {
  ASSIGN_OR_RETURN(const std::uint64_t size, file.size());
  if (size == length) return {};
  RETURN_IF_ERROR(file.truncate(length));
  return file.sync();
}

Status must_be_empty(File* file, const std::string& path) {
  if (file == nullptr) return {};
  ASSIGN_OR_RETURN(const std::uint64_t size, file->size());
  if (size == 0) return {};
  return Error{
      ErrorCode::kConflict,
      fmt::format("{} exists, but there is no journal that says what is in it; {}", path, kBeginAnew)};
}

// A crash may have come between the journal and the marks.
Status restore_end_marks(Storage& storage, const RecoveredJob& job) {
  ASSIGN_OR_RETURN(const bool success, storage.exists(kSuccessPath));
  ASSIGN_OR_RETURN(const bool result, storage.exists(kResultPath));
  if (success && result) return {};
  JobResult complete;
  const Counts& counts = job.ledger.counts();
  complete.message = complete_in_words(counts, counts.processed());
  complete.first_errors = job.first_errors;
  complete.progress.counts = counts;
  complete.progress.planned = counts.processed();
  complete.progress.items_total = counts.items_succeeded + counts.items_failed;
  complete.progress.plan_complete = true;
  return write_end_marks(storage, complete);
}

}  // namespace

Status Committer::pass_by(Storage& storage) {
  RETURN_IF_ERROR(remove_asides(storage));
  ASSIGN_OR_RETURN(const bool exists, storage.exists(kJournalPath));
  if (!exists) return {};
  ASSIGN_OR_RETURN(const std::unique_ptr<File> journal, storage.open(kJournalPath));
  ASSIGN_OR_RETURN(const std::uint64_t size, journal->size());
  return make_fresh(storage, kJournalPath, size);
}

Result<Committer::Opened> Committer::open(Storage& storage, PlanDurability& plan, const Options& options) {
  Opened opened;
  opened.committer.reset(new Committer(storage, plan, options));
  Committer& committer = *opened.committer;

  RETURN_IF_ERROR(remove_asides(storage));
  ASSIGN_OR_RETURN(std::unique_ptr<File> journal, storage.open(kJournalPath));
  // The process before may have ended before the journal's name was durable. What follows is cut back to what
  // this journal says, so another one must not come back after a crash: one that it had been put in the place
  // of, and in which somebody who was passed by has gone on.
  RETURN_IF_ERROR(storage.sync_folder_of(kJournalPath));
  RETURN_IF_ERROR(storage.sync_folder_of(kStatePath));
  ASSIGN_OR_RETURN(Replay replay,
                   replay_journal(*journal, options.fingerprint, std::numeric_limits<std::uint64_t>::max()));

  if (!replay.end.header_whole) {
    RETURN_IF_ERROR(committer.open_data_files());
    RETURN_IF_ERROR(
        must_be_empty(committer.output_ ? &committer.output_->file() : nullptr, options.output_file));
    RETURN_IF_ERROR(must_be_empty(committer.failed_items_.get(), kFailedItemsPath));
    if (!options.sealed_file.empty()) {
      ASSIGN_OR_RETURN(const bool there, storage.exists(options.sealed_file));
      if (there) {
        ASSIGN_OR_RETURN(const std::unique_ptr<File> sealed, storage.open(options.sealed_file));
        RETURN_IF_ERROR(must_be_empty(sealed.get(), options.sealed_file));
      }
    }
    if (options.fresh_files) {
      RETURN_IF_ERROR(committer.make_data_files_fresh(0, 0));
    }
    ASSIGN_OR_RETURN(committer.journal_, JournalWriter::create(storage, options.fingerprint));
    return opened;
  }

  const auto read_small_files = [&storage](RecoveredJob& job) -> Status {
    ASSIGN_OR_RETURN(job.types, read_types(storage));
    ASSIGN_OR_RETURN(job.first_errors, read_first_errors(storage));
    return {};
  };
  CommittedFiles files{options.output_file, replay.job.output_length, replay.job.failed_items_length,
                       replay.run_offset, replay.job.ended == JobState::kComplete};
  if (files.exact && !(options.reopen && options.reopen(replay.job))) {
    files.sealed_file = options.sealed_file;
    files.sealed = replay.sealed;
    ASSIGN_OR_RETURN(const std::optional<Damage> damage,
                     find_damage(storage, *journal, options.fingerprint, files, options.checked));
    if (damage) return damage_error(*damage);
    RETURN_IF_ERROR(read_small_files(replay.job));
    RETURN_IF_ERROR(restore_end_marks(storage, replay.job));
    if (!options.sealed_file.empty()) {
      RETURN_IF_ERROR(remove_staged(storage, options.output_file, replay.job.ledger.counts()));
    }
    opened.job = std::move(replay.job);
    return opened;
  }

  RETURN_IF_ERROR(install_failed_items(storage, replay.job.run));
  RETURN_IF_ERROR(committer.open_data_files());
  const std::uint64_t last_epoch = replay.job.epoch;
  const std::uint64_t torn_bytes = replay.end.torn;
  ASSIGN_OR_RETURN(const std::optional<Damage> damage,
                   find_damage(storage, *journal, options.fingerprint, files, options.checked));
  if (damage) {
    if (!lost_by_the_disk(*damage)) return damage_error(*damage);
    ASSIGN_OR_RETURN(replay, replay_journal(*journal, options.fingerprint, damage->offset));
    replay.job.lost_groups = static_cast<std::uint32_t>(damage->groups);
    replay.job.lost = damage_words(*damage);
  }

  opened.job = std::move(replay.job);
  opened.job.epoch = last_epoch;
  opened.job.torn_bytes = torn_bytes;
  if (options.fresh_files) {
    RETURN_IF_ERROR(
        committer.make_data_files_fresh(opened.job.output_length, opened.job.failed_items_length));
  }
  // Nothing has been changed but names so far.
  RETURN_IF_ERROR(storage.still_ours());
  if (committer.output_) {
    RETURN_IF_ERROR(cut_to(committer.output_->file(), opened.job.output_length));
  }
  RETURN_IF_ERROR(cut_to(*committer.failed_items_, opened.job.failed_items_length));
  RETURN_IF_ERROR(read_small_files(opened.job));
  RETURN_IF_ERROR(cut_to(*journal, replay.end.length));
  // The process before may have ended because the sync of this record failed.
  const JournalEnd& end = replay.end;
  RETURN_IF_ERROR(journal->refresh(end.last, end.length - end.last));
  RETURN_IF_ERROR(journal->sync());
  opened.job.knows_parts = end.holds_parts();
  committer.run_offset_ = replay.run_offset;
  committer.output_length_ = opened.job.output_length;
  committer.failed_items_length_ = opened.job.failed_items_length;
  committer.journal_ = std::make_unique<JournalWriter>(std::move(journal), end);
  return opened;
}

}  // namespace parallelrun
