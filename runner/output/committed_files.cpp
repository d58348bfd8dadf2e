#include "runner/output/committed_files.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "common/result/try.h"
#include "runner/output/begin_anew.h"
#include "runner/output/failed_items.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

constexpr std::size_t kPiece = 1U << 20U;

// Tells of the bytes of both files together.
class Meter {
 public:
  Meter(const CheckedBytes& checked, std::uint64_t total) : checked_(checked), total_(total) { tell(); }

  void add(std::uint64_t bytes) {
    done_ += bytes;
    if (done_ - told_ >= kEvery) tell();
  }
  void tell() {
    told_ = done_;
    if (checked_) checked_(done_, total_);
  }

 private:
  static constexpr std::uint64_t kEvery = 16U << 20U;
  const CheckedBytes& checked_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  std::uint64_t told_ = 0;
};

// A file that is read once from front to back, in large pieces.
class CommittedFile {
 public:
  CommittedFile(std::string path, std::uint64_t committed, Meter& meter)
      : path_(std::move(path)), committed_(committed), meter_(meter) {}

  Status open(Storage& storage) {
    auto exists = storage.exists(path_);
    if (!exists) return exists.error();
    if (!*exists) return {};
    auto file = storage.open(path_);
    if (!file) return file.error();
    auto size = (*file)->size();
    if (!size) return size.error();
    file_ = std::move(*file);
    size_ = *size;
    return {};
  }

  // Whether the bytes from where the last one ended up to `end` have that checksum.
  Result<bool> next(std::uint64_t end, std::uint64_t expected) {
    begin_ = at_;
    if (size_ < end) return false;
    if (end - at_ <= buffered()) {
      const std::string_view all = take(static_cast<std::size_t>(end - at_));
      return checksum(all) == expected;
    }
    RunningChecksum sum;
    while (at_ < end) {
      if (buffered() == 0) {
        auto filled = fill();
        if (!filled) return filled.error();
        if (!*filled) return false;
      }
      sum.update(take(static_cast<std::size_t>(std::min<std::uint64_t>(end - at_, buffered()))));
    }
    return sum.value() == expected;
  }

  // Precondition: next(end, ...) was false.
  Result<Damage> damage(std::uint64_t end) {
    Damage damage;
    damage.path = path_;
    damage.committed = committed_;
    damage.size = size_;
    damage.begin = begin_;
    damage.end = end;
    std::string piece(kPiece, '\0');
    for (std::uint64_t at = begin_; !damage.zeroes && at < std::min(end, size_);) {
      const auto wanted =
          static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, std::min(end, size_) - at));
      auto got = file_->read(at, piece.data(), wanted);
      if (!got) return got.error();
      if (*got == 0) break;
      damage.zeroes = std::memchr(piece.data(), 0, *got) != nullptr;
      at += *got;
    }
    return damage;
  }

  bool longer() const { return size_ > committed_; }
  bool read_whole() const { return at_ == committed_; }
  const std::string& path() const { return path_; }
  std::uint64_t committed() const { return committed_; }
  std::uint64_t size() const { return size_; }

 private:
  std::uint64_t buffered() const { return buffer_.size() - used_; }

  std::string_view take(std::size_t bytes) {
    const std::string_view taken = std::string_view(buffer_).substr(used_, bytes);
    used_ += bytes;
    at_ += bytes;
    return taken;
  }

  // Precondition: the buffer is used up. False: the file has ended.
  Result<bool> fill() {
    buffer_.resize(kPiece);
    used_ = 0;
    auto got = file_->read(at_, buffer_.data(),
                           static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, committed_ - at_)));
    buffer_.resize(got ? *got : 0);
    if (!got) return got.error();
    meter_.add(*got);
    return *got > 0;
  }

  std::string path_;
  std::uint64_t committed_;
  Meter& meter_;
  std::unique_ptr<File> file_;
  std::uint64_t size_ = 0;
  std::uint64_t at_ = 0;
  std::uint64_t begin_ = 0;
  std::string buffer_;
  std::size_t used_ = 0;
};

// Goes along the journal until something is not there.
class Check {
 public:
  Check(const CommittedFiles& files, Meter& meter)
      : run_offset_(files.run_offset), failed_items_(kFailedItemsPath, files.failed_items_length, meter) {
    if (!files.sealed_file.empty()) {
      sealed_.emplace(files.sealed_file, files.sealed.length, meter);
      sealed_checksum_ = files.sealed.checksum;
    } else if (!files.output_file.empty()) {
      output_.emplace(files.output_file, files.output_length, meter);
    }
  }

  Status open(Storage& storage) {
    if (output_) {
      RETURN_IF_ERROR(output_->open(storage));
    }
    if (sealed_) {
      RETURN_IF_ERROR(sealed_->open(storage));
      RETURN_IF_ERROR(look(*sealed_, sealed_->committed(), sealed_checksum_, nullptr, 0));
    }
    return failed_items_.open(storage);
  }

  Status visit(const JournalRecord& record, std::uint64_t offset) {
    const auto* group = std::get_if<GroupRecord>(&record);
    if (damage_) {
      if (group != nullptr) ++damage_->groups;
      damage_->closed = damage_->closed || std::holds_alternative<RunStart>(record) ||
                        std::holds_alternative<EndRecord>(record);
      return {};
    }
    if (group != nullptr) {
      if (output_) {
        auto done = look(*output_, group->output_length, group->output_checksum, group, offset);
        if (!done || damage_) return done;
      }
      if (offset < run_offset_) return {};
      return look(failed_items_, group->failed_items_length, group->failed_items_checksum, group, offset);
    }
    const auto* run = std::get_if<RunStart>(&record);
    if (run == nullptr || offset != run_offset_) return {};
    return look(failed_items_, run->failed_items_length, run->failed_items_checksum, nullptr, offset);
  }

  Result<std::optional<Damage>> result(bool exact) {
    if (!damage_ && !((!output_ || output_->read_whole()) && failed_items_.read_whole())) {
      return Error{
          ErrorCode::kCorrupt,
          fmt::format("{} names less than was committed, so it was cut or replaced; restore it, or {}",
                      kJournalPath, kBeginAnew)};
    }
    if (damage_ || !exact) return std::move(damage_);
    for (const CommittedFile* file : {output_ ? &*output_ : sealed_ ? &*sealed_ : nullptr, &failed_items_}) {
      if (file == nullptr || !file->longer()) continue;
      Damage damage;
      damage.path = file->path();
      damage.committed = damage.begin = damage.end = file->committed();
      damage.size = file->size();
      damage.longer = damage.closed = true;
      return std::optional<Damage>(std::move(damage));
    }
    return std::optional<Damage>();
  }

 private:
  Status look(CommittedFile& file, std::uint64_t end, std::uint64_t expected, const GroupRecord* group,
              std::uint64_t offset) {
    auto whole = file.next(end, expected);
    if (!whole) return whole.error();
    if (*whole) return {};
    auto damage = file.damage(end);
    if (!damage) return damage.error();
    damage_ = std::move(*damage);
    damage_->offset = offset;
    damage_->closed = group == nullptr;
    if (group == nullptr) return {};
    damage_->groups = 1;
    for (const CommitEntry& entry : group->entries) {
      const bool succeeded = entry.kind == CommitEntry::Kind::kSucceeded;
      const bool in_failed_items =
          entry.kind == CommitEntry::Kind::kFailed || (succeeded && entry.items_failed > 0);
      if (!(&file == &failed_items_ ? in_failed_items : succeeded)) continue;
      if (damage_->mini_batches++ == 0) damage_->mini_batch = entry.work;
    }
    return {};
  }

  std::uint64_t run_offset_;
  std::optional<CommittedFile> output_;
  std::optional<CommittedFile> sealed_;
  std::uint64_t sealed_checksum_ = 0;
  CommittedFile failed_items_;
  std::optional<Damage> damage_;
};

}  // namespace

std::string damage_words(const Damage& damage) {
  std::string what;
  if (damage.longer) {
    what = fmt::format("it has {}", damage.size);
  } else if (damage.cut()) {
    what = damage.size == 0 ? "it is empty or missing" : fmt::format("it ends at byte {}", damage.size);
  } else {
    what = fmt::format("bytes {} to {} have changed", damage.begin, damage.end - 1);
  }
  std::string whose;
  if (damage.mini_batches > 0) {
    whose =
        fmt::format(" ({} mini-batch {}", damage.cut() ? "lost from" : "of", to_string(damage.mini_batch));
    if (damage.mini_batches > 1) {
      whose += fmt::format(" and {} more", damage.mini_batches - 1);
    }
    whose += damage.cut() ? " on)" : ")";
  }
  return fmt::format("{} no longer holds the {} bytes that were committed to it: {}{}", damage.path,
                     damage.committed, what, whose);
}

Error damage_error(const Damage& damage) {
  return Error{ErrorCode::kCorrupt, fmt::format("{}. It was changed, moved or damaged; restore it, or {}",
                                                damage_words(damage), kBeginAnew)};
}

Result<std::optional<Damage>> find_damage(Storage& storage, File& journal, const std::string& fingerprint,
                                          const CommittedFiles& files, const CheckedBytes& checked) {
  const std::uint64_t output = files.sealed_file.empty() ? files.output_length : files.sealed.length;
  Meter meter(checked, output + files.failed_items_length);
  Check check(files, meter);
  RETURN_IF_ERROR(check.open(storage));
  auto end = read_journal(
      journal, fingerprint, std::numeric_limits<std::uint64_t>::max(),
      [&check](JournalRecord&& record, std::uint64_t offset) { return check.visit(record, offset); });
  if (!end) return end.error();
  meter.tell();
  return check.result(files.exact);
}

}  // namespace parallelrun
