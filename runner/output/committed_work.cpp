#include "runner/output/committed_work.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/result/try.h"
#include "runner/output/checksum.h"
#include "runner/output/csv_records.h"
#include "runner/output/journal.h"
#include "runner/output/staged_rows.h"
#include "runner/plan/split.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

constexpr std::size_t kReadAtOnce = std::size_t{1} << 20U;
constexpr std::uint64_t kLongestCsvHeader = std::uint64_t{64} << 20U;

Error shorter(std::uint64_t wanted) {
  return Error{ErrorCode::kCorrupt, fmt::format("the rows end before byte {}", wanted)};
}

}  // namespace

Result<CommittedWork> CommittedWork::read(File& journal, std::unique_ptr<File> rows, const Options& options) {
  CommittedWork work(std::move(rows), options);
  std::uint64_t length = 0;  // of the rows, up to here
  std::optional<SealRecord> seal;
  const auto visit = [&](JournalRecord&& record, std::uint64_t) -> Status {
    if (std::holds_alternative<RunStart>(record)) {
      // What failed in the run before was open again.
      std::erase_if(work.done_,
                    [](const Done& done) { return done.entry.kind == CommitEntry::Kind::kFailed; });
      return {};
    }
    if (const auto* made = std::get_if<SealRecord>(&record)) seal = *made;
    auto* group = std::get_if<GroupRecord>(&record);
    if (group == nullptr) return {};
    if (group->output_length < length)
      return Error{ErrorCode::kCorrupt, fmt::format("{} speaks of rows that it had more of", kJournalPath)};
    if (group->output_length > length) seal.reset();
    const bool sealed = options.sealed;
    ASSIGN_OR_RETURN(
        const bool whole,
        sealed ? Result<bool>(true) : work.holds(length, group->output_length, group->output_checksum));
    RETURN_IF_ERROR(work.place(group->entries, length, group->output_length, whole));
    length = group->output_length;
    return {};
  };
  ASSIGN_OR_RETURN(const JournalEnd end, read_journal(journal, options.fingerprint,
                                                      std::numeric_limits<std::uint64_t>::max(), visit));
  if (end.header_whole && !end.holds_row_lengths())
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{} was begun by an earlier version, and does not say whose rows are which",
                             kJournalPath)};
  std::stable_sort(work.done_.begin(), work.done_.end(), [](const Done& a, const Done& b) {
    return a.entry.work.mini_batch < b.entry.work.mini_batch;
  });
  if (options.sealed) RETURN_IF_ERROR(work.place_sealed(seal));
  return work;
}

// Whether these bytes are what was committed. False: they are not, or not there.
Result<bool> CommittedWork::holds(std::uint64_t begin, std::uint64_t end, std::uint64_t checksum) {
  if (rows_ == nullptr) return begin == end;
  RunningChecksum sum;
  std::string buffer;
  for (std::uint64_t at = begin; at < end;) {
    buffer.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kReadAtOnce, end - at)));
    ASSIGN_OR_RETURN(const std::size_t got, rows_->read(at, buffer.data(), buffer.size()));
    if (got == 0) return false;
    sum.update(std::string_view(buffer).substr(0, got));
    at += got;
  }
  return sum.value() == checksum;
}

// The rows of a group stand behind each other; what is left over stands before them.
Status CommittedWork::place(std::vector<CommitEntry>& entries, std::uint64_t begin, std::uint64_t end,
                            bool whole) {
  std::uint64_t rows = 0;
  for (const CommitEntry& entry : entries) {
    if (entry.rows_length > end - begin - rows)
      return Error{ErrorCode::kCorrupt,
                   fmt::format("{} has a commit that is longer than its rows", kJournalPath)};
    rows += entry.rows_length;
  }
  std::uint64_t at = end - rows;
  if (at > begin && !options_.header) whole = false;  // nobody knows what that is
  for (CommitEntry& entry : entries) {
    Done done{entry, at, entry.rows_length, whole};
    at += entry.rows_length;
    if (entry.kind == CommitEntry::Kind::kTryFailed) continue;
    if ((options_.staged || options_.sealed) && done.length > 0) {
      if (done.length < kStagedHead) done.whole = false;
      done.offset += kStagedHead;
      done.length -= std::min<std::uint64_t>(kStagedHead, done.length);
    }
    done_.push_back(done);
  }
  return {};
}

// Behind each other in the order of the input, which is that of done_ but for parts. Where that does not give
// the length of the file, a format has changed what was staged, and nobody knows where.
Status CommittedWork::place_sealed(const std::optional<SealRecord>& seal) {
  std::vector<Done*> in_order;
  for (Done& done : done_) {
    if (done.length > 0) in_order.push_back(&done);
  }
  std::sort(in_order.begin(), in_order.end(),
            [](const Done* a, const Done* b) { return comes_before(a->entry.work, b->entry.work); });
  if (options_.header && !in_order.empty() && rows_ != nullptr) RETURN_IF_ERROR(read_header());
  std::uint64_t at = header_.size();
  bool whole = seal.has_value() && rows_ != nullptr;
  for (Done* done : in_order) {
    whole = whole && done->length >= header_.size();
    done->offset = at;
    done->length -= std::min<std::uint64_t>(done->length, header_.size());
    at += done->length;
  }
  if (whole) {
    ASSIGN_OR_RETURN(const std::uint64_t size, rows_->size());
    whole = at == seal->length && at == size;
  }
  if (whole) {
    ASSIGN_OR_RETURN(whole, holds(0, seal->length, seal->checksum));
  }
  if (!whole) {
    for (Done* done : in_order) done->whole = false;
  }
  return {};
}

std::span<const CommittedWork::Done> CommittedWork::of(MiniBatchId id) const {
  struct ById {
    bool operator()(const Done& a, MiniBatchId b) const { return a.entry.work.mini_batch < b; }
    bool operator()(MiniBatchId a, const Done& b) const { return a < b.entry.work.mini_batch; }
  };
  const auto [first, past] = std::equal_range(done_.begin(), done_.end(), id, ById());
  return {first, past};
}

// The first record of the file.
Status CommittedWork::read_header() {
  std::string piece;
  for (std::uint64_t wanted = 64U << 10U;; wanted *= 2) {
    piece.resize(static_cast<std::size_t>(wanted));
    ASSIGN_OR_RETURN(const std::size_t got, rows_->read(0, piece.data(), piece.size()));
    piece.resize(got);
    const std::size_t size = csv_record_size(piece);
    if (size != std::string_view::npos) {
      header_ = piece.substr(0, size);
      return {};
    }
    if (got < wanted || wanted >= kLongestCsvHeader)
      return Error{ErrorCode::kCorrupt, "the rows are no CSV with a header"};
  }
}

Result<std::string> CommittedWork::rows_of(const Done& done) {
  if (done.length == 0 || rows_ == nullptr) return std::string();
  if (options_.header && header_.empty()) RETURN_IF_ERROR(read_header());
  std::string rows(header_);
  const std::size_t before = rows.size();
  rows.resize(before + static_cast<std::size_t>(done.length));
  ASSIGN_OR_RETURN(const std::size_t got,
                   rows_->read(done.offset, rows.data() + before, rows.size() - before));
  if (before + got < rows.size()) return shorter(done.offset + done.length);
  return rows;
}

}  // namespace parallelrun
