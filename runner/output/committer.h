// Commit = output + journal. Appends rows to the output file and lines to failed_items.jsonl, syncs both,
// appends a journal record that holds both lengths, syncs it. What a restarted orchestrator finds is cut back
// to the lengths of the last whole record, so that every mini-batch is in the output once and whole, or not
// at all.
//
// An output file that is not whole after each commit is made at the end of the job, complete or failed, out
// of .parallelrun/rows, to which rows are appended then (staged_rows.h); a journal record holds its checksum.
// What it was made of goes where nothing failed that could be tried again.
//
// Files (below the output directory): the output file, failed_items.jsonl, .parallelrun/journal,
// .parallelrun/types.json, .parallelrun/result.json, _SUCCESS.
//
// Passive: no thread of its own, and used by one thread at a time. After any error of write() the object must
// not be used again and the process must end: what is on disk is then found out by the next open().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "common/result/result.h"
#include "runner/output/commit_group.h"
#include "runner/output/committed_files.h"
#include "runner/output/journal.h"
#include "runner/output/recovered_job.h"
#include "runner/output/row_file.h"
#include "runner/output/storage.h"
#include "runner/plan/plan_durability.h"

namespace parallelrun {

class Committer {
 public:
  struct Options {
    std::string output_file;  // what rows are appended to; empty for summary_only
    std::string fingerprint;  // of the job; a journal of another one is refused
    // The predecessor may still be at work: everything that it may append to is replaced by a copy. Of the
    // journal and of the plan by the caller, in this order: pass_by(), the plan, open().
    bool fresh_files = false;
    // Hears how far the check of the committed bytes is, in open() and in the write() that completes the job,
    // on their thread.
    CheckedBytes checked = {};
    // Whether a job that ended kComplete is opened for writing nevertheless, for start() or revise(). Empty:
    // no.
    std::function<bool(const RecoveredJob&)> reopen = {};
    RowFileMaker rows = row_file_maker(OutputFormat::kText);  // of the job's output format
    // [append_row_file_name] where it is made at the end of what is in output_file (is_staged()); else empty.
    std::string sealed_file = {};
  };
  struct Opened;

  // The first step in the place of a predecessor that may still be at work: from then on nothing that it
  // commits counts. The plan is copied after it, so that it holds all that the journal speaks of. Errors:
  // kAborted (a successor is at work), kCorrupt (the journal is being cut: again), kNoSpace, kIo.
  static Status pass_by(Storage& storage);

  // Reads the journal (streaming) and checks that output and failed_items.jsonl hold what it says, byte by
  // byte: both are read once. Those of a job that ended kComplete may hold nothing else, and are left alone
  // (but for _SUCCESS and result.json, where a crash came between the journal and them); else both are cut
  // back to what is committed. Errors: kConflict (another job's journal, or an output file that is there
  // without a journal), kAborted (a successor is at work), kCorrupt (journal damaged before its end, or an
  // output file that has lost committed rows; the message names the file and the way out), kNoSpace, kIo.
  // `storage` and `plan` must outlive the committer.
  static Result<Opened> open(Storage& storage, PlanDurability& plan, const Options& options);

  // Begins an epoch, and before that a new run if the last one ended kFailed, or where `retry_failed` finds
  // failed mini-batches: those are unfinished again with fresh counts, and failed_items.jsonl keeps the
  // shortfalls only. `plan_length`: mini-batches that the persisted plan holds now, before anything is
  // appended to it; it is settled here. Errors: kConflict (the job is complete, and was not reopened),
  // kAborted (a successor is at work, and its epoch may have the same number), kCorrupt (the plan holds less
  // than what is committed), kNoSpace, kIo.
  Status start(RecoveredJob& job, std::uint64_t plan_length, bool retry_failed = false);

  // Another verdict on a job that was complete and was reopened: `result`, with kFailed. The same job started
  // again tries what failed. Errors: kAborted, kNoSpace, kIo.
  Status revise(const JobResult& result);

  // Makes `group` durable: when it returns without error, its results may be acknowledged. Blocks on the
  // disk. A file whose length another has changed is an error at once; before the record that completes the
  // job all committed bytes are checked once more. Errors: kAborted (a successor is at work: nothing was
  // added to its files), kCorrupt (a file was changed while the job ran; the message names it), kNoSpace,
  // kIo.
  Status write(const CommitGroup& group);

  // What the core asks before it takes rows, of what is committed: after start(). Errors: kCorrupt, kIo.
  Result<std::shared_ptr<RowCheck>> row_check();

  std::uint64_t output_length() const { return output_length_; }

 private:
  Committer(Storage& storage, PlanDurability& plan, Options options)
      : storage_(storage), plan_(plan), options_(std::move(options)) {}

  Status begin_run(RecoveredJob& job);
  Status remove_success();
  Status changed(const Error& error);
  Status open_data_files();
  Status make_data_files_fresh(std::uint64_t output_length, std::uint64_t failed_items_length);
  Status write_data(const CommitGroup& group, GroupRecord& record);
  Status write_end(const JobResult& result);
  Status seal();
  Status check_files();

  Storage& storage_;
  PlanDurability& plan_;
  Options options_;
  std::unique_ptr<RowFile> output_;  // null for summary_only
  std::unique_ptr<File> failed_items_;
  std::unique_ptr<JournalWriter> journal_;
  std::uint64_t output_length_ = 0;
  std::uint64_t failed_items_length_ = 0;
  std::uint64_t run_offset_ = 0;  // of the last RunStart in the journal
};

struct Committer::Opened {
  std::unique_ptr<Committer> committer;
  RecoveredJob job;
};

}  // namespace parallelrun
