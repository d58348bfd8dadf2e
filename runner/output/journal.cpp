#include "runner/output/journal.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/result/try.h"
#include "runner/output/begin_anew.h"
#include "runner/wire/wire.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

constexpr std::uint64_t kMagic = 0x316C6E726A726C70ULL;  // "plrjrnl1"
constexpr std::uint32_t kVersion = 4;
constexpr std::uint32_t kVersionWithoutRowLengths = 3;
constexpr std::uint32_t kVersionWithoutParts = 2;
constexpr std::uint32_t kLengthMask = 0x5AC3A53CU;  // check of a length: what zeroes and text do not pass
constexpr std::size_t kFrameHead = 8;               // length and its check
constexpr std::size_t kFrameTail = 8;               // checksum
constexpr std::size_t kHeaderHead = 16;             // magic, version, length of the fingerprint
constexpr std::size_t kLongestFingerprint = 4096;
constexpr std::uint32_t kLongestPayload = 1U << 30U;
constexpr std::size_t kEntryBytes = 33;         // at least
constexpr std::size_t kLookAhead = 64U << 20U;  // bytes; longer than any record of one group of commits

enum class RecordType : std::uint8_t { kEpoch = 1, kRun = 2, kGroup = 3, kEnd = 4, kSeal = 5 };

// Seven bits in each byte, the lowest first: rows are mostly short.
void write_varint(wire::Writer& writer, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) writer.u8(static_cast<std::uint8_t>(value | 0x80U));
  writer.u8(static_cast<std::uint8_t>(value));
}

// False: it is longer than it must be, or too large.
bool read_varint(wire::Reader& reader, std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint64_t byte = reader.u8();
    if (shift == 63 && byte > 1) return false;
    value |= (byte & 0x7FU) << shift;
    if ((byte & 0x80U) == 0) return byte != 0 || shift == 0;
  }
  return false;
}

void encode_payload(const JournalRecord& record, std::uint32_t version, std::string& out) {
  wire::Writer writer(out);
  const auto type = [&writer](RecordType t) { writer.u8(static_cast<std::uint8_t>(t)); };
  if (const auto* epoch = std::get_if<EpochStart>(&record)) {
    type(RecordType::kEpoch);
    writer.u64(epoch->epoch);
    writer.u64(epoch->plan_length);
  } else if (const auto* run = std::get_if<RunStart>(&record)) {
    type(RecordType::kRun);
    writer.u64(run->run);
    writer.u64(run->failed_items_length);
    writer.u64(run->failed_items_checksum);
  } else if (const auto* group = std::get_if<GroupRecord>(&record)) {
    type(RecordType::kGroup);
    writer.u64(group->output_length);
    writer.u64(group->output_checksum);
    writer.u64(group->failed_items_length);
    writer.u64(group->failed_items_checksum);
    writer.u32(static_cast<std::uint32_t>(group->entries.size()));
    for (const CommitEntry& entry : group->entries) {
      writer.u8(static_cast<std::uint8_t>(entry.kind));
      writer.u64(entry.work.mini_batch.value);
      if (version != kVersionWithoutParts) writer.u32(entry.work.part);
      writer.u64(entry.attempt);
      writer.u64(entry.items);
      writer.u64(entry.items_failed);
      if (version == kVersion) write_varint(writer, entry.rows_length);
    }
  } else if (const auto* seal = std::get_if<SealRecord>(&record)) {
    type(RecordType::kSeal);
    writer.u64(seal->length);
    writer.u64(seal->checksum);
  } else {
    type(RecordType::kEnd);
    writer.u8(static_cast<std::uint8_t>(std::get<EndRecord>(record).state));
  }
}

bool names_parts(const CommitEntry& entry) {
  return entry.work.part != 0 || entry.kind == CommitEntry::Kind::kSplit;
}

bool has_parts(const JournalRecord& record) {
  const auto* group = std::get_if<GroupRecord>(&record);
  return group != nullptr && std::any_of(group->entries.begin(), group->entries.end(), names_parts);
}

std::optional<GroupRecord> decode_group(wire::Reader& reader, std::uint32_t version) {
  GroupRecord group;
  group.output_length = reader.u64();
  group.output_checksum = reader.u64();
  group.failed_items_length = reader.u64();
  group.failed_items_checksum = reader.u64();
  bool valid = true;
  reader.repeated(kEntryBytes, [&] {
    CommitEntry& entry = group.entries.emplace_back();
    const std::uint8_t kind = reader.u8();
    entry.kind = static_cast<CommitEntry::Kind>(kind);
    entry.work.mini_batch.value = reader.u64();
    if (version != kVersionWithoutParts) entry.work.part = reader.u32();
    entry.attempt = reader.u64();
    entry.items = reader.u64();
    entry.items_failed = reader.u64();
    if (version == kVersion) valid = read_varint(reader, entry.rows_length);
    valid = valid && kind >= 1 && kind <= 4 && entry.items_failed <= entry.items;
    return valid;
  });
  if (!valid) return std::nullopt;
  return group;
}

std::optional<JournalRecord> decode_payload(std::string_view payload, std::uint32_t version) {
  wire::Reader reader(payload);
  std::optional<JournalRecord> record;
  switch (static_cast<RecordType>(reader.u8())) {
    case RecordType::kEpoch: {
      EpochStart epoch;
      epoch.epoch = reader.u64();
      epoch.plan_length = reader.u64();
      record = epoch;
      break;
    }
    case RecordType::kRun: {
      RunStart run;
      run.run = reader.u64();
      run.failed_items_length = reader.u64();
      run.failed_items_checksum = reader.u64();
      record = run;
      break;
    }
    case RecordType::kGroup: {
      auto group = decode_group(reader, version);
      if (group) record = std::move(*group);
      break;
    }
    case RecordType::kEnd: {
      const std::uint8_t state = reader.u8();
      if (state <= static_cast<std::uint8_t>(JobState::kInterrupted))
        record = EndRecord{static_cast<JobState>(state)};
      break;
    }
    case RecordType::kSeal: {
      SealRecord seal;
      seal.length = reader.u64();
      seal.checksum = reader.u64();
      record = seal;
      break;
    }
  }
  if (!reader.done()) return std::nullopt;
  return record;
}

bool is_known(std::uint32_t version) { return version >= kVersionWithoutParts && version <= kVersion; }
static_assert(kVersionWithoutParts + 1 == kVersionWithoutRowLengths &&
              kVersionWithoutRowLengths + 1 == kVersion);

std::string encode_header(std::string_view fingerprint, std::uint32_t version) {
  std::string header;
  wire::Writer writer(header);
  writer.u64(kMagic);
  writer.u32(version);
  writer.bytes(fingerprint);
  writer.u64(checksum(header));
  return header;
}

// A window over a file that is read once from front to back.
class Window {
 public:
  Window(File& file, std::uint64_t size) : file_(file), size_(size) {}

  std::uint64_t offset() const { return offset_; }
  std::uint64_t left() const { return size_ - offset_; }

  // The next `wanted` bytes, fewer at the end. Valid until the next call of look() or skip().
  Result<std::string_view> look(std::size_t wanted) {
    wanted = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, left()));
    if (buffer_.size() - begin_ < wanted) {
      buffer_.erase(0, begin_);
      begin_ = 0;
      const std::size_t have = buffer_.size();
      const std::uint64_t rest = left() - have;
      buffer_.resize(
          have + static_cast<std::size_t>(std::min<std::uint64_t>(rest, std::max(wanted - have, kPiece))));
      auto got = file_.read(offset_ + have, buffer_.data() + have, buffer_.size() - have);
      if (!got) return got.error();
      buffer_.resize(have + *got);
    }
    return std::string_view(buffer_).substr(begin_, wanted);
  }

  void skip(std::size_t bytes) {
    begin_ += bytes;
    offset_ += bytes;
  }

 private:
  static constexpr std::size_t kPiece = 1U << 20U;
  File& file_;
  std::uint64_t size_;
  std::uint64_t offset_ = 0;
  std::string buffer_;
  std::size_t begin_ = 0;
};

Error damaged(std::uint64_t offset, std::uint64_t follow) {
  return Error{ErrorCode::kCorrupt, fmt::format("{} is damaged at byte {}, and {} bytes follow: the commits "
                                                "in them would be lost; restore the file, or {}",
                                                kJournalPath, offset, follow, kBeginAnew)};
}

// Zeroes, from anywhere to anywhere, are what a loss of power can leave of bytes that were never synced.
bool was_never_synced(std::string_view found, std::string_view written) {
  bool zeroes = false;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] == written[i]) continue;
    if (found[i] != '\0') return false;
    zeroes = true;
  }
  return zeroes;
}

// True: the header is whole and ours. False: the file ends within it.
Result<bool> read_header(Window& window, std::string_view fingerprint, JournalEnd& end) {
  auto head = window.look(kHeaderHead);
  if (!head) return head.error();
  wire::Reader reader(*head);
  const std::uint64_t magic = reader.u64();
  const std::uint32_t version = reader.u32();
  const std::uint32_t length = reader.u32();
  if (!reader.ok()) return false;
  const std::string expected = encode_header(fingerprint, is_known(version) ? version : kVersion);
  const auto no_journal = [] {
    return Error{
        ErrorCode::kCorrupt,
        fmt::format("{} is not a journal of parallelrun; restore the file, or {}", kJournalPath, kBeginAnew)};
  };
  if (window.left() <= expected.size()) {
    auto all = window.look(expected.size());
    if (!all) return all.error();
    if (was_never_synced(*all, expected)) return false;
  }
  if (magic != kMagic) return no_journal();
  if (!is_known(version)) {
    return Error{
        ErrorCode::kUnsupported,
        fmt::format("{} has version {}, but this program reads {} to {}; go on with the program that began "
                    "the job",
                    kJournalPath, version, kVersionWithoutParts, kVersion)};
  }
  if (length > kLongestFingerprint) return no_journal();
  const std::size_t whole = kHeaderHead + length + 8;
  auto header = window.look(whole);
  if (!header) return header.error();
  if (header->size() < whole) {
    // One with records behind it ends here only if its length is not what was written.
    if (window.left() > expected.size()) return damaged(0, window.left());
    return false;
  }
  const std::string_view body = header->substr(0, whole - 8);
  wire::Reader tail(header->substr(whole - 8));
  end.version = version;
  end.chain = tail.u64();
  if (end.chain != checksum(body)) {
    if (window.left() > whole) return damaged(0, window.left() - whole);
    return false;
  }
  if (body.substr(kHeaderHead) != fingerprint) {
    return Error{ErrorCode::kConflict,
                 fmt::format("{} belongs to another job; {}", kJournalPath, kBeginAnew)};
  }
  window.skip(whole);
  return true;
}

std::string encode_frame_head(std::uint32_t length) {
  std::string head;
  wire::Writer writer(head);
  writer.u32(length);
  writer.u32(length ^ kLengthMask);
  return head;
}

// The length of the payload, where `bytes` begin as a record does.
std::optional<std::uint32_t> payload_length(std::string_view bytes) {
  wire::Reader reader(bytes.substr(0, kFrameHead));
  const std::uint32_t length = reader.u32();
  const std::uint32_t check = reader.u32();
  if (!reader.ok() || check != (length ^ kLengthMask) || length == 0 || length > kLongestPayload)
    return std::nullopt;
  return length;
}

std::uint64_t u64_at(std::string_view bytes, std::size_t at) {
  return wire::Reader(bytes.substr(at, kFrameTail)).u64();
}

// Whether `rest`, which does not begin with a whole record, was one. A record is appended only once all
// before it is durable, so that a crash, or a loss of power that keeps any part of what was not synced,
// leaves one torn record, and nothing behind it. So it is damage if
// - another record is whole behind it, whatever this one has become; or
// - this one is whole but for its head, and another begins behind it, be that one torn; or
// - this one is whole but for its head, which holds more than zeroes in place of what was written.
bool was_synced(std::string_view rest, std::uint64_t chain) {
  for (std::size_t at = kFrameHead + kFrameTail + 1; at <= rest.size(); ++at) {
    const std::string_view behind = rest.substr(at);
    const auto length = payload_length(behind);
    if (!behind.empty() && !length) continue;
    const std::string_view payload = rest.substr(kFrameHead, at - kFrameHead - kFrameTail);
    const std::uint64_t tail = u64_at(rest, at - kFrameTail);
    const bool whole_before = tail == checksum(payload, chain);
    if (behind.empty()) {
      return whole_before && !was_never_synced(rest.substr(0, kFrameHead),
                                               encode_frame_head(static_cast<std::uint32_t>(payload.size())));
    }
    if (whole_before) return true;
    if (behind.size() < kFrameHead + *length + kFrameTail) continue;
    if (u64_at(behind, kFrameHead + *length) == checksum(behind.substr(kFrameHead, *length), tail))
      return true;
  }
  return false;
}

// Nothing, where the file ends in a torn record at which `window` is.
Result<std::optional<std::string_view>> torn_end(Window& window, std::uint64_t chain) {
  auto rest = window.look(kLookAhead);
  if (!rest) return rest.error();
  if (window.left() > kLookAhead || was_synced(*rest, chain)) return damaged(window.offset(), window.left());
  return std::optional<std::string_view>();
}

// The payload of the next record, or nothing where the file ends in a torn one.
Result<std::optional<std::string_view>> next_payload(Window& window, std::uint64_t& chain) {
  auto head = window.look(kFrameHead);
  if (!head) return head.error();
  const auto length = payload_length(*head);
  if (!length) return torn_end(window, chain);
  const std::size_t whole = kFrameHead + *length + kFrameTail;
  auto frame = window.look(whole);
  if (!frame) return frame.error();
  if (frame->size() < whole) return torn_end(window, chain);
  const std::string_view payload = frame->substr(kFrameHead, *length);
  const std::uint64_t found = u64_at(*frame, kFrameHead + *length);
  if (found != checksum(payload, chain)) {
    if (window.left() > whole) return damaged(window.offset(), window.left() - whole);
    return torn_end(window, chain);
  }
  chain = found;
  return std::optional<std::string_view>(payload);
}

}  // namespace

Result<std::unique_ptr<JournalWriter>> JournalWriter::create(Storage& storage, std::string_view fingerprint) {
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, storage.open(kJournalPath));
  RETURN_IF_ERROR(storage.still_ours());
  RETURN_IF_ERROR(file->truncate(0));
  const std::string header = encode_header(fingerprint, kVersion);
  RETURN_IF_ERROR(file->append(header));
  RETURN_IF_ERROR(file->sync());
  // The file's name in its folder, and the folder's name in the output directory.
  RETURN_IF_ERROR(storage.sync_folder_of(kJournalPath));
  RETURN_IF_ERROR(storage.sync_folder_of(kStatePath));
  JournalEnd end;
  end.version = kVersion;
  end.chain = checksum(std::string_view(header).substr(0, header.size() - 8));
  return std::make_unique<JournalWriter>(std::move(file), end);
}

Status JournalWriter::append(const JournalRecord& record) {
  RETURN_IF_ERROR(append_unsynced(record));
  return sync();
}

Status JournalWriter::append_unsynced(const JournalRecord& record) {
  if (version_ == kVersionWithoutParts && has_parts(record)) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{} was begun by an earlier version, and can hold no parts of mini-batches; {}",
                             kJournalPath, kBeginAnew)};
  }
  buffer_.assign(kFrameHead, '\0');
  encode_payload(record, version_, buffer_);
  const auto length = static_cast<std::uint32_t>(buffer_.size() - kFrameHead);
  buffer_.replace(0, kFrameHead, encode_frame_head(length));
  chain_ = checksum(std::string_view(buffer_).substr(kFrameHead), chain_);
  wire::Writer(buffer_).u64(chain_);
  return file_->append(buffer_);
}

Result<bool> is_journal_of(File& file, std::string_view fingerprint) {
  auto size = file.size();
  if (!size) return size.error();
  Window window(file, *size);
  JournalEnd end;
  auto whole = read_header(window, fingerprint, end);
  if (!whole && whole.error().code != ErrorCode::kIo) return false;
  return whole;
}

bool JournalEnd::holds_parts() const { return version != kVersionWithoutParts; }
bool JournalEnd::holds_row_lengths() const { return version == kVersion; }

Result<JournalEnd> read_journal(File& file, std::string_view fingerprint, std::uint64_t limit,
                                const std::function<Status(JournalRecord&&, std::uint64_t offset)>& visit) {
  auto size = file.size();
  if (!size) return size.error();
  JournalEnd end;
  Window window(file, std::min(*size, limit));
  auto whole = read_header(window, fingerprint, end);
  if (!whole) return whole.error();
  end.header_whole = *whole;
  while (end.header_whole && window.left() > 0) {
    auto payload = next_payload(window, end.chain);
    if (!payload) return payload.error();
    if (!payload->has_value()) break;
    auto record = decode_payload(**payload, end.version);
    if (!record) {
      return Error{ErrorCode::kCorrupt, fmt::format("{} has a record at byte {} that this program does not "
                                                    "know; go on with the program that began the job",
                                                    kJournalPath, window.offset())};
    }
    RETURN_IF_ERROR(visit(std::move(*record), window.offset()));
    end.last = window.offset();
    window.skip(kFrameHead + (*payload)->size() + kFrameTail);
  }
  end.length = window.offset();
  end.torn = *size - end.length;
  return end;
}

}  // namespace parallelrun
