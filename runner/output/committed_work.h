// What an output directory holds of a job that is not at work: whose rows stand where in it, and what failed.
// For a job that takes results over from it (docs/reuse.md). Changes nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "runner/output/commit_group.h"
#include "runner/output/journal.h"
#include "runner/output/storage.h"

namespace parallelrun {

// One thread. Memory: about 80 bytes for each work that is finished.
class CommittedWork {
 public:
  struct Done {
    CommitEntry entry;  // kSucceeded, kFailed of the last run, or kSplit
    // Of a success: where its rows stand, without what the file has around them.
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    bool whole = true;  // false: they are not there as they were committed
  };
  struct Options {
    std::string fingerprint;  // of the job that wrote it
    bool staged = false;      // the rows are those of StagedRows
    bool header = false;      // rows begin with the first record of the file, which stands there once
    bool sealed = false;      // the file is what StagedRows::seal() made in the order of the input
  };

  // Reads the journal, and all rows once: each group of commits is compared with its checksum, a sealed file
  // as a whole. `rows`: null where the file is not there any more. Errors: kConflict, kUnsupported (a journal
  // that does not say how long rows are, or of a later version), kCorrupt, kIo.
  static Result<CommittedWork> read(File& journal, std::unique_ptr<File> rows, const Options& options);

  // In the order in which it was committed. Empty: nothing.
  std::span<const Done> of(MiniBatchId id) const;
  // The rows of a success, as their RowEncoder made them. Precondition: done.whole. Errors: kCorrupt, kIo.
  Result<std::string> rows_of(const Done& done);

 private:
  CommittedWork(std::unique_ptr<File> rows, Options options)
      : rows_(std::move(rows)), options_(std::move(options)) {}
  Status place(std::vector<CommitEntry>& entries, std::uint64_t begin, std::uint64_t end, bool whole);
  Status place_sealed(const std::optional<SealRecord>& seal);
  Result<bool> holds(std::uint64_t begin, std::uint64_t end, std::uint64_t checksum);
  Status read_header();

  std::unique_ptr<File> rows_;
  Options options_;
  std::string header_;
  std::vector<Done> done_;  // by mini-batch, then in order
};

}  // namespace parallelrun
