// Committer::open(): from what a crash left to what is committed.
#include <algorithm>
#include <limits>

#include "runner/orchestrator/committed_files.h"
#include "runner/orchestrator/committer.h"
#include "runner/orchestrator/failed_items.h"
#include "runner/orchestrator/state_files.h"
#include "runner/output/begin_anew.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun::orchestrator {
namespace {

// Commits of a disk that lies about sync can be missing; more than a few are a file that somebody changed.
constexpr std::uint32_t kMostLostGroups = 8;

struct Replay {
  RecoveredJob job;
  JournalEnd end;
  std::uint64_t run_offset = 0;  // of the last RunStart in the journal
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
  return apply(std::get<GroupRecord>(std::move(record)), job);
}

Result<Replay> replay_journal(File& journal, const std::string& fingerprint, std::uint64_t limit) {
  Replay replay;
  auto end = read_journal(journal, fingerprint, limit, [&replay](JournalRecord&& r, std::uint64_t at) {
    return visit(std::move(r), at, replay);
  });
  if (!end) return end.error();
  replay.end = *end;
  return replay;
}

// A disk that confirmed a sync and lost it has lost the end of a file, or left zeroes there: those commits
// are done again. Other bytes are somebody's change, and closed runs are not opened for it.
bool lost_by_the_disk(const Damage& damage) {
  return (damage.cut() || damage.zeroes) && !damage.closed && damage.groups <= kMostLostGroups;
}

Status cut_to(File& file, std::uint64_t length) {
  auto size = file.size();
  if (!size) return size.error();
  if (*size == length) return {};
  if (auto done = file.truncate(length); !done) return done;
  return file.sync();
}

Status must_be_empty(File* file, const std::string& path) {
  if (file == nullptr) return {};
  auto size = file->size();
  if (!size) return size.error();
  if (*size == 0) return {};
  return Error{
      ErrorCode::kConflict,
      fmt::format("{} exists, but there is no journal that says what is in it; {}", path, kBeginAnew)};
}

// A crash may have come between the journal and the marks.
Status restore_end_marks(Storage& storage, const RecoveredJob& job) {
  auto success = storage.exists(kSuccessPath);
  if (!success) return success.error();
  auto result = storage.exists(kResultPath);
  if (!result) return result.error();
  if (*success && *result) return {};
  JobResult complete;
  complete.message = complete_in_words(job.counts, job.counts.processed());
  complete.first_errors = job.first_errors;
  complete.progress.counts = job.counts;
  complete.progress.planned = job.counts.processed();
  complete.progress.items_total = job.counts.items_succeeded + job.counts.items_failed;
  complete.progress.plan_complete = true;
  return write_end_marks(storage, complete);
}

}  // namespace

Status Committer::pass_by(Storage& storage) {
  if (auto done = remove_asides(storage); !done) return done;
  auto exists = storage.exists(kJournalPath);
  if (!exists) return exists.error();
  if (!*exists) return {};
  auto journal = storage.open(kJournalPath);
  if (!journal) return journal.error();
  auto size = journal.value()->size();
  if (!size) return size.error();
  return make_fresh(storage, kJournalPath, *size);
}

Result<Committer::Opened> Committer::open(Storage& storage, PlanDurability& plan, const Options& options) {
  Opened opened;
  opened.committer.reset(new Committer(storage, plan, options));
  Committer& committer = *opened.committer;

  if (auto done = remove_asides(storage); !done) return done.error();
  auto journal = storage.open(kJournalPath);
  if (!journal) return journal.error();
  // The process before may have ended before the journal's name was durable. What follows is cut back to what
  // this journal says, so another one must not come back after a crash: one that it had been put in the place
  // of, and in which somebody who was passed by has gone on.
  if (auto done = storage.sync_folder_of(kJournalPath); !done) return done.error();
  if (auto done = storage.sync_folder_of(kStatePath); !done) return done.error();
  auto replay =
      replay_journal(*journal.value(), options.fingerprint, std::numeric_limits<std::uint64_t>::max());
  if (!replay) return replay.error();

  if (!replay->end.header_whole) {
    if (auto done = committer.open_data_files(); !done) return done.error();
    if (auto done =
            must_be_empty(committer.output_ ? &committer.output_->file() : nullptr, options.output_file);
        !done)
      return done.error();
    if (auto done = must_be_empty(committer.failed_items_.get(), kFailedItemsPath); !done)
      return done.error();
    if (options.fresh_files) {
      if (auto done = committer.make_data_files_fresh(0, 0); !done) return done.error();
    }
    auto writer = JournalWriter::create(storage, options.fingerprint);
    if (!writer) return writer.error();
    committer.journal_ = std::move(writer).value();
    return opened;
  }

  const auto read_small_files = [&storage](RecoveredJob& job) -> Status {
    auto types = read_types(storage);
    if (!types) return types.error();
    job.types = std::move(types).value();
    auto errors = read_first_errors(storage);
    if (!errors) return errors.error();
    job.first_errors = std::move(errors).value();
    return {};
  };
  CommittedFiles files{options.output_file, replay->job.output_length, replay->job.failed_items_length,
                       replay->run_offset, replay->job.ended == JobState::kComplete};
  if (files.exact && !(options.reopen && options.reopen(replay->job))) {
    auto damage = find_damage(storage, *journal.value(), options.fingerprint, files, options.checked);
    if (!damage) return damage.error();
    if (*damage) return damage_error(**damage);
    if (auto done = read_small_files(replay->job); !done) return done.error();
    if (auto done = restore_end_marks(storage, replay->job); !done) return done.error();
    opened.job = std::move(replay->job);
    return opened;
  }

  if (auto done = install_failed_items(storage, replay->job.run); !done) return done.error();
  if (auto done = committer.open_data_files(); !done) return done.error();
  const std::uint64_t last_epoch = replay->job.epoch;
  const std::uint64_t torn_bytes = replay->end.torn;
  auto damage = find_damage(storage, *journal.value(), options.fingerprint, files, options.checked);
  if (!damage) return damage.error();
  if (*damage) {
    if (!lost_by_the_disk(**damage)) return damage_error(**damage);
    replay = replay_journal(*journal.value(), options.fingerprint, (*damage)->offset);
    if (!replay) return replay.error();
    replay->job.lost_groups = static_cast<std::uint32_t>((*damage)->groups);
    replay->job.lost = damage_words(**damage);
  }

  opened.job = std::move(replay->job);
  opened.job.epoch = last_epoch;
  opened.job.torn_bytes = torn_bytes;
  if (options.fresh_files) {
    auto done = committer.make_data_files_fresh(opened.job.output_length, opened.job.failed_items_length);
    if (!done) return done.error();
  }
  // Nothing has been changed but names so far.
  if (auto ours = storage.still_ours(); !ours) return ours.error();
  if (committer.output_) {
    if (auto done = cut_to(committer.output_->file(), opened.job.output_length); !done) return done.error();
  }
  if (auto done = cut_to(*committer.failed_items_, opened.job.failed_items_length); !done)
    return done.error();
  if (auto done = read_small_files(opened.job); !done) return done.error();
  if (auto done = cut_to(*journal.value(), replay->end.length); !done) return done.error();
  // The process before may have ended because the sync of this record failed.
  const JournalEnd& end = replay->end;
  if (auto done = journal.value()->refresh(end.last, end.length - end.last); !done) return done.error();
  if (auto done = journal.value()->sync(); !done) return done.error();
  committer.run_offset_ = replay->run_offset;
  committer.output_length_ = opened.job.output_length;
  committer.failed_items_length_ = opened.job.failed_items_length;
  committer.journal_ = std::make_unique<JournalWriter>(std::move(journal).value(), end);
  return opened;
}

}  // namespace parallelrun::orchestrator
