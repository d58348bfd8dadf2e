// Whether the output file and failed_items.jsonl still hold what was committed to them: every byte of them is
// covered by a checksum in the journal, so they are read once, in order, beside it. What anybody else has
// cut, changed or punched a hole into is found, and where.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "common/result/result.h"
#include "runner/output/journal.h"
#include "runner/output/storage.h"

namespace parallelrun {

// The first group of commits whose bytes are not there as they were written.
struct Damage {
  std::string path;                // of the file
  std::uint64_t committed = 0;     // bytes that the file must hold
  std::uint64_t size = 0;          // bytes that it has
  std::uint64_t begin = 0;         // of the group's bytes
  std::uint64_t end = 0;           // of the group's bytes
  bool zeroes = false;             // some of them are zero, as where a disk has lost what it had confirmed
  bool longer = false;             // all is there, and more
  WorkId mini_batch;               // the first that is hit
  std::uint64_t mini_batches = 0;  // how many are; 0: what a new run began with
  std::uint64_t offset = 0;        // of the group's record in the journal
  std::uint64_t groups = 0;        // from this one on
  bool closed = false;             // an end or a new run follows in the journal

  bool cut() const { return size < end; }
};

// What is wrong, in words.
std::string damage_words(const Damage& damage);
// The sentence for the user, with the way out. Error code: kCorrupt.
Error damage_error(const Damage& damage);

struct CommittedFiles {
  std::string output_file;  // empty for summary_only
  std::uint64_t output_length = 0;
  std::uint64_t failed_items_length = 0;
  std::uint64_t run_offset = 0;  // of the last RunStart in the journal, which began failed_items.jsonl anew
  bool exact = false;            // nothing may follow what is committed
  // The output file is this one, made of what was committed, which need not be there any more.
  std::string sealed_file = {};  // empty: output_file is read
  SealRecord sealed = {};
};

// How much has been read, of how much: to tell of what takes long. Called at the begin, every few megabytes
// and at the end.
using CheckedBytes = std::function<void(std::uint64_t done, std::uint64_t total)>;

// Reads the files by their names, and the journal, once. Memory: a few megabytes. Empty: all is there.
// Errors: as read_journal(), kIo. A file that is not there is not made.
Result<std::optional<Damage>> find_damage(Storage& storage, File& journal, const std::string& fingerprint,
                                          const CommittedFiles& files, const CheckedBytes& checked);

}  // namespace parallelrun
