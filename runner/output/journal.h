// The journal: which mini-batches are done, and how long output and failed_items.jsonl were then.
//
//   header  u64 magic | u32 version | bytes fingerprint | u64 checksum
//   record  u32 length | u32 check of the length | payload (`length` bytes) | u64 checksum
//   payload u8 type, then
//     kEpoch  u64 epoch | u64 plan_length
//     kRun    u64 run | u64 failed_items_length | u64 failed_items_checksum
//     kGroup  u64 output_length | u64 output_checksum | u64 failed_items_length | u64 failed_items_checksum |
//             u32 count | count x { u8 kind | u64 mini_batch | u32 part | u64 attempt | u64 items |
//             u64 items_failed | varint rows_length }
//     kEnd    u8 state
//     kSeal   u64 length | u64 checksum
//
// Version 3 is the same without `rows_length`, version 2 without `part` too. A journal that was begun in one
// of them is read and gone on with in it: it does not say which rows of a group are whose, and that of
// version 2 holds no parts of mini-batches.
//
// Checksums are XXH3; that of a record is seeded with that of the record before it (the first with the
// header's), so that no record of another place or time passes. One record is appended and synced at a time,
// so only the last one can be torn: a bad record with others after it, be it in its length, is damage, and is
// refused instead of cut away.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/result/result.h"
#include "runner/output/checksum.h"
#include "runner/output/commit_group.h"
#include "runner/output/storage.h"

namespace parallelrun {

inline constexpr const char* kStatePath = ".parallelrun";
inline constexpr const char* kJournalPath = ".parallelrun/journal";

// One life of an orchestrator. Results of an earlier epoch are good for mini-batches below the plan lengths
// of all later ones: those were not planned anew.
struct EpochStart {
  std::uint64_t epoch = 0;
  std::uint64_t plan_length = 0;  // mini-batches that the persisted plan held then
  bool operator==(const EpochStart&) const = default;
};
struct RunStart {
  std::uint64_t run = 0;
  std::uint64_t failed_items_length = 0;    // bytes of failed_items.jsonl, of shortfalls alone
  std::uint64_t failed_items_checksum = 0;  // of those
  bool operator==(const RunStart&) const = default;
};
struct GroupRecord {
  std::uint64_t output_length = 0;          // bytes, after the group
  std::uint64_t output_checksum = 0;        // of the rows the group added
  std::uint64_t failed_items_length = 0;    // bytes, after the group
  std::uint64_t failed_items_checksum = 0;  // of the lines the group added
  std::vector<CommitEntry> entries;
  bool operator==(const GroupRecord&) const = default;
};
struct EndRecord {
  JobState state = JobState::kComplete;
  bool operator==(const EndRecord&) const = default;
};
// The output file, where it is made at the end of what is staged (staged_rows.h). The end follows.
struct SealRecord {
  std::uint64_t length = 0;  // bytes
  std::uint64_t checksum = 0;
  bool operator==(const SealRecord&) const = default;
};
using JournalRecord = std::variant<EpochStart, RunStart, GroupRecord, EndRecord, SealRecord>;

struct JournalEnd {
  bool header_whole = false;  // else the file is empty or ends within its header: nothing was committed
  std::uint32_t version = 0;  // of the format
  std::uint64_t length = 0;   // bytes up to the end of the last whole record
  std::uint64_t last = 0;     // offset of the last whole record, or of the header
  std::uint64_t chain = 0;    // checksum of the last whole record
  std::uint64_t torn = 0;     // bytes after it, to be cut off
  // Whether records that are appended may name parts of mini-batches.
  bool holds_parts() const;
  // Whether entries say how long their rows are.
  bool holds_row_lengths() const;
};

// One thread at a time.
class JournalWriter {
 public:
  // A new journal in an empty file; durable when it returns.
  static Result<std::unique_ptr<JournalWriter>> create(Storage& storage, std::string_view fingerprint);
  // Goes on after the last whole record, as read_journal() found it.
  JournalWriter(std::unique_ptr<File> file, const JournalEnd& end)
      : file_(std::move(file)), version_(end.version), chain_(end.chain) {}

  // Appends and syncs. Errors: kUnsupported (parts of mini-batches in a journal of a version that has none),
  // kNoSpace, kIo.
  Status append(const JournalRecord& record);
  // The two steps of it.
  Status append_unsynced(const JournalRecord& record);
  Status sync() { return file_->sync(); }
  // Bytes: where the next record will begin.
  Result<std::uint64_t> length() { return file_->size(); }

 private:
  std::unique_ptr<File> file_;
  std::uint32_t version_;
  std::uint64_t chain_;  // checksum of the last record
  std::string buffer_;
};

// Whether the file begins like a journal of the job with this fingerprint; what follows is not looked at.
// Error: kIo.
Result<bool> is_journal_of(File& file, std::string_view fingerprint);

// Reads records in order, in constant memory but for the largest record; `visit(record, offset)` gets the
// record and the offset of its first byte. Stops before `limit` bytes. Errors: kConflict (another
// fingerprint), kUnsupported (another version), kCorrupt (damage before the end; not a journal), kIo, and
// whatever `visit` gives.
Result<JournalEnd> read_journal(File& file, std::string_view fingerprint, std::uint64_t limit,
                                const std::function<Status(JournalRecord&&, std::uint64_t offset)>& visit);

}  // namespace parallelrun
