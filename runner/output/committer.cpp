#include "runner/output/committer.h"

#include <algorithm>

#include "common/result/try.h"
#include "common/text/counted.h"
#include "runner/output/begin_anew.h"
#include "runner/output/failed_items.h"
#include "runner/output/joined_append.h"
#include "runner/output/state_files.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

// Copies the shortfall lines of the first `length` bytes of `from`.
Result<Appended> copy_shortfalls(File& from, std::uint64_t length, File& to) {
  JoinedAppend out(to);
  std::string buffer;
  std::uint64_t offset = 0;
  while (offset < length) {
    const std::size_t have = buffer.size();
    buffer.resize(have + static_cast<std::size_t>(std::min<std::uint64_t>(1U << 20U, length - offset)));
    auto got = from.read(offset, buffer.data() + have, buffer.size() - have);
    if (!got) return got.error();
    if (*got == 0) return Error{ErrorCode::kCorrupt, fmt::format("{} has become shorter", kFailedItemsPath)};
    buffer.resize(have + *got);
    offset += *got;
    std::size_t begin = 0;
    for (std::size_t end; (end = buffer.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const auto line = std::string_view(buffer).substr(begin, end + 1 - begin);
      if (!is_shortfall_line(line)) continue;
      RETURN_IF_ERROR(out.add(line));
    }
    buffer.erase(0, begin);
  }
  RETURN_IF_ERROR(out.flush());
  return out.appended();
}

// Whoever else changes the length of a file that we append to makes a hole or writes between our rows.
Status has_length(File& file, const std::string& path, std::uint64_t length) {
  auto size = file.size();
  if (!size) return size.error();
  if (*size == length) return {};
  return Error{ErrorCode::kCorrupt, fmt::format("{} has {} bytes, but {} were written: another program has "
                                                "changed it while the job ran; find out which one, and {}",
                                                path, *size, length, kBeginAnew)};
}

// The rows of a group come in the order of its entries.
void note_lengths(const std::vector<WorkId>& rows_of, const std::vector<std::uint64_t>& lengths,
                  std::vector<CommitEntry>& entries) {
  std::size_t next = 0;
  for (CommitEntry& entry : entries) {
    entry.rows_length = 0;
    if (entry.kind != CommitEntry::Kind::kSucceeded) continue;
    if (next >= std::min(rows_of.size(), lengths.size()) || rows_of[next] != entry.work) continue;
    entry.rows_length = lengths[next++];
  }
}

}  // namespace

Status Committer::open_data_files() {
  if (!options_.output_file.empty()) {
    ASSIGN_OR_RETURN(std::unique_ptr<File> output, storage_.open(options_.output_file));
    output_ = options_.rows(std::move(output));
  }
  ASSIGN_OR_RETURN(failed_items_, storage_.open(kFailedItemsPath));
  return storage_.sync_folder_of(kFailedItemsPath);
}

Status Committer::make_data_files_fresh(std::uint64_t output_length, std::uint64_t failed_items_length) {
  output_.reset();
  failed_items_.reset();
  if (!options_.output_file.empty()) {
    RETURN_IF_ERROR(make_fresh(storage_, options_.output_file, output_length));
  }
  RETURN_IF_ERROR(make_fresh(storage_, kFailedItemsPath, failed_items_length));
  return open_data_files();
}

Status Committer::start(RecoveredJob& job, std::uint64_t plan_length, bool retry_failed) {
  if (job.ended == JobState::kComplete && !journal_)
    return Error{ErrorCode::kConflict, "the job is complete"};
  std::uint64_t needed = job.ledger.end();
  if (!job.tries.empty()) needed = std::max(needed, job.tries.rbegin()->first.mini_batch.value + 1);
  if (plan_length < needed) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format(".parallelrun/plan holds {}, but {} names number {}; restore the file, or {}",
                             counted(plan_length, "mini-batch"), kJournalPath, needed - 1, kBeginAnew)};
  }
  // The epoch's record speaks of the plan: what it speaks of must be there after a crash, too. Earlier
  // records do the same, unless the disk has lost what it had confirmed.
  std::uint64_t durable = needed;
  for (const EpochStart& epoch : job.epochs) durable = std::max(durable, epoch.plan_length);
  RETURN_IF_ERROR(plan_.settle(job.lost_groups > 0 ? 0 : std::min(durable, plan_length)));
  if (job.ended || (retry_failed && job.ledger.any_failed())) {
    RETURN_IF_ERROR(begin_run(job));
  }
  // After lost commits nothing is known of the epochs that were lost with them: no earlier result is good.
  const EpochStart epoch{job.epoch + 1, job.lost_groups > 0 ? 0 : plan_length};
  RETURN_IF_ERROR(journal_->append(epoch));
  // Else the epoch may be a successor's too, and so may be the failed items that a new run has opened.
  RETURN_IF_ERROR(storage_.fence());
  job.epoch = epoch.epoch;
  job.epochs.push_back(epoch);
  return {};
}

// The mark goes first: after a crash the journal has it made again.
Status Committer::remove_success() {
  ASSIGN_OR_RETURN(const bool there, storage_.exists(kSuccessPath));
  if (!there) return {};
  RETURN_IF_ERROR(storage_.still_ours());
  RETURN_IF_ERROR(storage_.remove(kSuccessPath));
  return storage_.sync_folder_of(kSuccessPath);
}

Status Committer::revise(const JobResult& result) {
  RETURN_IF_ERROR(remove_success());
  RETURN_IF_ERROR(journal_->append(EndRecord{result.state}));
  return write_end_marks(storage_, result);
}

// The new failed_items.jsonl is written aside and named after its run; the journal's record makes it the
// valid one; then it is renamed, now or by the next open().
Status Committer::begin_run(RecoveredJob& job) {
  RETURN_IF_ERROR(remove_success());
  RunStart next{job.run + 1, 0, 0};
  const std::string path = next_failed_items_path(next.run);
  const std::string aside = storage_.aside(path);
  ASSIGN_OR_RETURN(const std::unique_ptr<File> file, storage_.open(aside));
  RETURN_IF_ERROR(file->truncate(0));
  ASSIGN_OR_RETURN(const Appended copied, copy_shortfalls(*failed_items_, failed_items_length_, *file));
  next.failed_items_length = copied.length;
  next.failed_items_checksum = copied.checksum;
  RETURN_IF_ERROR(file->sync());
  RETURN_IF_ERROR(put_in_place(storage_, aside, path));
  ASSIGN_OR_RETURN(const std::uint64_t offset, journal_->length());
  RETURN_IF_ERROR(journal_->append(next));
  run_offset_ = offset;

  failed_items_.reset();
  RETURN_IF_ERROR(install_failed_items(storage_, next.run));
  RETURN_IF_ERROR(open_data_files());
  failed_items_length_ = next.failed_items_length;
  apply(next, job);
  return {};
}

Result<std::shared_ptr<RowCheck>> Committer::row_check() {
  if (output_) return output_->row_check();
  return std::shared_ptr<RowCheck>();
}

Status Committer::write_data(const CommitGroup& group, GroupRecord& record) {
  // An untouched file keeps its checksum of nothing.
  record.output_checksum = record.failed_items_checksum = checksum({});
  const bool has_rows =
      std::any_of(group.rows.begin(), group.rows.end(), [](const auto& r) { return !r.empty(); });
  if (output_) {
    if (auto same = has_length(output_->file(), options_.output_file, output_length_); !same)
      return changed(same.error());
  }
  if (auto same = has_length(*failed_items_, kFailedItemsPath, failed_items_length_); !same)
    return changed(same.error());
  if (has_rows && output_) {
    ASSIGN_OR_RETURN(const Appended rows, output_->append(group.rows, group.rows_of));
    output_length_ += rows.length;
    record.output_checksum = rows.checksum;
    note_lengths(group.rows_of, rows.pieces, record.entries);
  }
  if (!group.failed_items.empty()) {
    RETURN_IF_ERROR(failed_items_->append(group.failed_items));
    failed_items_length_ += group.failed_items.size();
    record.failed_items_checksum = checksum(group.failed_items);
  }
  record.output_length = output_length_;
  record.failed_items_length = failed_items_length_;
  if (has_rows && output_) {
    RETURN_IF_ERROR(output_->file().sync());
  }
  return group.failed_items.empty() ? Status() : failed_items_->sync();
}

Status Committer::write(const CommitGroup& group) {
  if (!group.types.empty()) {
    RETURN_IF_ERROR(write_types(storage_, group.types));
  }
  if (!group.entries.empty()) {
    std::uint64_t needed = 0;
    for (const CommitEntry& entry : group.entries) needed = std::max(needed, entry.work.mini_batch.value + 1);
    RETURN_IF_ERROR(plan_.make_durable(needed));
    GroupRecord record;
    record.entries = group.entries;
    RETURN_IF_ERROR(write_data(group, record));
    RETURN_IF_ERROR(journal_->append(record));
  }
  // A record that a successor's copy of the journal does not hold must not be acknowledged.
  RETURN_IF_ERROR(storage_.fence());
  return group.end ? write_end(*group.end) : Status();
}

// A successor's files are not ours to judge.
Status Committer::changed(const Error& error) {
  RETURN_IF_ERROR(storage_.still_ours());
  return error;
}

// By the names of the files: what we have open may have been put aside.
Status Committer::check_files() {
  auto exists = storage_.exists(kJournalPath);
  if (!exists) return exists.error();
  if (!*exists) {
    return changed(
        Error{ErrorCode::kCorrupt,
              fmt::format("{} was removed while the job ran; restore it, or {}", kJournalPath, kBeginAnew)});
  }
  auto journal = storage_.open(kJournalPath);
  if (!journal) return journal.error();
  const CommittedFiles files{options_.output_file, output_length_, failed_items_length_, run_offset_, true};
  auto damage = find_damage(storage_, **journal, options_.fingerprint, files, options_.checked);
  if (!damage) return changed(damage.error());
  return *damage ? changed(damage_error(**damage)) : Status();
}

Status Committer::seal() {
  if (options_.sealed_file.empty() || output_length_ == 0) return {};  // without rows there is no file
  ASSIGN_OR_RETURN(const std::optional<Appended> sealed, output_->seal(storage_, options_.sealed_file));
  if (!sealed) return {};
  return journal_->append(SealRecord{sealed->length, sealed->checksum});
}

Status Committer::write_end(const JobResult& result) {
  if (result.state == JobState::kComplete) RETURN_IF_ERROR(check_files());
  // An interrupted job has not ended: the same job started again goes on, with the tries it had.
  if (result.state != JobState::kInterrupted) {
    RETURN_IF_ERROR(seal());
    RETURN_IF_ERROR(journal_->append(EndRecord{result.state}));
  }
  RETURN_IF_ERROR(write_end_marks(storage_, result));
  if (result.state != JobState::kComplete || options_.sealed_file.empty()) return {};
  return remove_staged(storage_, options_.output_file, result.progress.counts);
}

}  // namespace parallelrun
