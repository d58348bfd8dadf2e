// The journal: a damaged one never gives a record that was not written, and what is lost behind a torn end is
// only that end. Bytes with right checksums that nobody wrote are refused, or read as what the writer would
// have written for them.
#include "runner/output/journal.h"

#include <optional>
#include <vector>

#include "runner/wire/wire.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/unit/output/memory_storage.h"

namespace parallelrun::orchestrator {
namespace {

constexpr std::string_view kFingerprint = "job";
constexpr std::uint64_t kAll = ~0ULL;

struct Read {
  std::vector<JournalRecord> records;
  Result<JournalEnd> end = Error{};
};

Read read(MemoryStorage& storage, std::uint64_t limit = kAll) {
  Read result;
  auto file = storage.open(kJournalPath);
  std::uint64_t last = 0;
  result.end = read_journal(*file.value(), kFingerprint, limit,
                            [&](JournalRecord&& record, std::uint64_t offset) -> Status {
                              HOLDS(offset > last);
                              last = offset;
                              result.records.push_back(std::move(record));
                              return {};
                            });
  if (result.end) {
    const JournalEnd& end = result.end.value();
    HOLDS(end.length + end.torn == storage.at(kJournalPath).size());
    HOLDS(result.records.empty() || end.last == last);
    HOLDS(end.header_whole || result.records.empty());
  }
  return result;
}

CommitEntry drawn_entry(fuzz::Draw& draw) {
  CommitEntry entry;
  entry.kind = static_cast<CommitEntry::Kind>(1 + draw.up_to(2));
  entry.work.mini_batch.value = draw.u64();
  entry.work.part = draw.u8();
  entry.attempt = draw.u64();
  entry.items = draw.u64();
  entry.items_failed = entry.items == 0 ? 0 : draw.u64() % entry.items;
  return entry;
}

JournalRecord drawn_record(fuzz::Draw& draw) {
  switch (draw.up_to(3)) {
    case 0:
      return EpochStart{draw.u64(), draw.u64()};
    case 1:
      return RunStart{draw.u64(), draw.u64()};
    case 2:
      return EndRecord{static_cast<JobState>(draw.up_to(2))};
    default: {
      GroupRecord group{draw.u64(), draw.u64(), draw.u64(), draw.u64(), {}};
      for (std::size_t i = draw.up_to(4); i > 0; --i) group.entries.push_back(drawn_entry(draw));
      return group;
    }
  }
}

std::vector<JournalRecord> write_drawn(fuzz::Draw& draw, MemoryStorage& storage) {
  std::vector<JournalRecord> records;
  auto writer = JournalWriter::create(storage, kFingerprint);
  for (std::size_t i = draw.up_to(5); i > 0; --i) {
    records.push_back(drawn_record(draw));
    HOLDS(writer.value()->append(records.back()).ok());
  }
  return records;
}

bool is_prefix(const std::vector<JournalRecord>& part, const std::vector<JournalRecord>& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

void check_damage(fuzz::Draw draw) {
  MemoryStorage storage;
  const std::vector<JournalRecord> written = write_drawn(draw, storage);
  const Read sound = read(storage);
  HOLDS(sound.end.ok() && sound.records == written && sound.end.value().torn == 0);

  std::string& bytes = storage.at(kJournalPath);
  const std::size_t at = draw.u32() % bytes.size();
  const std::size_t kind = draw.up_to(3);
  if (kind == 0) {
    bytes.resize(at);
  } else if (kind == 1) {
    bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(draw.u8()));
  } else if (kind == 2) {
    bytes.resize(at);
    bytes.append(draw.text());
  } else {
    bytes.insert(at, draw.text());
  }
  const Read damaged = read(storage);
  HOLDS(is_prefix(damaged.records, written));
  if (kind == 0) HOLDS(damaged.end.ok());
  if (!damaged.end) return;
  // What goes on behind the torn end is read after what was whole.
  const JournalEnd& end = damaged.end.value();
  if (!end.header_whole) return;
  bytes.resize(end.length);
  auto file = storage.open(kJournalPath);
  const JournalRecord more = EpochStart{7, 8};
  HOLDS(JournalWriter(std::move(file).value(), end).append(more).ok());
  std::vector<JournalRecord> expected = damaged.records;
  expected.push_back(more);
  const Read longer = read(storage);
  HOLDS(longer.end.ok() && longer.records == expected);
}

// Any payload in a frame with right checksums.
void check_forged(fuzz::Draw draw) {
  constexpr std::uint32_t kLengthMask = 0x5AC3A53CU;
  MemoryStorage storage;
  HOLDS(JournalWriter::create(storage, kFingerprint).ok());
  const std::uint64_t chain = read(storage).end.value().chain;
  const std::string_view payload = draw.rest();
  if (payload.empty()) return;
  std::string& bytes = storage.at(kJournalPath);
  wire::Writer writer(bytes);
  writer.u32(static_cast<std::uint32_t>(payload.size()));
  writer.u32(static_cast<std::uint32_t>(payload.size()) ^ kLengthMask);
  bytes.append(payload);
  writer.u64(checksum(payload, chain));
  const Read forged = read(storage);
  if (!forged.end) {
    HOLDS(forged.records.empty() && forged.end.error().code == ErrorCode::kCorrupt);
    return;
  }
  HOLDS(forged.records.size() == 1 && forged.end.value().torn == 0);
  MemoryStorage again;
  auto same = JournalWriter::create(again, kFingerprint);
  HOLDS(same.value()->append(forged.records.front()).ok());
  HOLDS(again.at(kJournalPath) == bytes);
}

void check_raw(std::string_view content) {
  MemoryStorage storage;
  storage.at(kJournalPath) = content;
  const Read whole = read(storage);
  const Read part = read(storage, content.size() / 2);
  HOLDS(!part.end || !whole.end || is_prefix(part.records, whole.records));
  auto file = storage.open(kJournalPath);
  const auto ours = is_journal_of(*file.value(), kFingerprint);
  HOLDS(ours.ok() && (!whole.end || *ours == whole.end.value().header_whole));
}

FUZZ_TARGET(journal) {
  fuzz::Draw draw(bytes);
  switch (draw.u8() % 3) {
    case 0:
      return check_damage(draw);
    case 1:
      return check_forged(draw);
    default:
      return check_raw(draw.rest());
  }
}

}  // namespace
}  // namespace parallelrun::orchestrator
