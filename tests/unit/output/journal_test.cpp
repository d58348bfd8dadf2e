#include "runner/output/journal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "memory_storage.h"
#include "runner/wire/wire.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

constexpr std::uint64_t kAll = ~0ULL;

std::vector<JournalRecord> some_records() {
  GroupRecord group{100, 11, 7, 22, {}};
  group.entries = {{CommitEntry::Kind::kSucceeded, {0}, 1, 10, 2},
                   {CommitEntry::Kind::kFailed, {3}, 2, 10, 10}};
  return {EpochStart{1, 5}, group, RunStart{2, 7}, GroupRecord{120, 1, 7, 2, {}},
          EndRecord{JobState::kFailed}};
}

struct Read {
  std::vector<JournalRecord> records;
  std::vector<std::uint64_t> offsets;
  Result<JournalEnd> end = Error{};
};

Read read(Storage& storage, std::string_view fingerprint = "job", std::uint64_t limit = kAll) {
  Read result;
  auto file = storage.open(kJournalPath);
  result.end = read_journal(*file.value(), fingerprint, limit,
                            [&](JournalRecord&& record, std::uint64_t at) -> Status {
                              result.records.push_back(std::move(record));
                              result.offsets.push_back(at);
                              return {};
                            });
  return result;
}

MemoryStorage written() {
  MemoryStorage storage;
  auto writer = JournalWriter::create(storage, "job");
  for (const JournalRecord& record : some_records()) EXPECT_TRUE(writer.value()->append(record));
  return storage;
}

TEST(Journal, GivesBackWhatWasAppended) {
  MemoryStorage storage = written();
  const Read all = read(storage);
  ASSERT_TRUE(all.end) << all.end.error().message;
  EXPECT_EQ(all.records, some_records());
  EXPECT_EQ(all.end.value().torn, 0U);
  EXPECT_EQ(all.end.value().length, storage.at(kJournalPath).size());
  EXPECT_EQ(all.end.value().last, all.offsets.back());
}

TEST(Journal, HoldsPartsOfMiniBatches) {
  MemoryStorage storage;
  auto writer = JournalWriter::create(storage, "job");
  GroupRecord group{100, 11, 7, 22, {}};
  group.entries = {{CommitEntry::Kind::kTryFailed, {{3}, 1}, 1, 10, 10},
                   {CommitEntry::Kind::kSucceeded, {{3}, 4000000000U}, 2, 5, 0}};
  ASSERT_TRUE(writer.value()->append(group));
  const Read all = read(storage);
  ASSERT_TRUE(all.end);
  EXPECT_EQ(all.records, std::vector<JournalRecord>{group});
}

// As earlier versions wrote it: entries do not say how long their rows are, and in version 2 have no part.
std::string of_version(std::uint32_t version) {
  std::string bytes;
  wire::Writer out(bytes);
  out.u64(0x316C6E726A726C70ULL);
  out.u32(version);
  out.bytes("job");
  std::uint64_t chain = checksum(bytes);
  out.u64(chain);
  const auto append = [&](const std::string& payload) {
    out.u32(static_cast<std::uint32_t>(payload.size()));
    out.u32(static_cast<std::uint32_t>(payload.size()) ^ 0x5AC3A53CU);
    bytes += payload;
    chain = checksum(payload, chain);
    out.u64(chain);
  };
  std::string epoch;
  wire::Writer(epoch).u8(1);
  wire::Writer(epoch).u64(1);
  wire::Writer(epoch).u64(5);
  append(epoch);
  std::string group;
  wire::Writer entries(group);
  entries.u8(3);
  for (const std::uint64_t value : {100, 11, 7, 22}) entries.u64(value);
  entries.u32(2);
  const auto entry = [&](std::uint8_t kind, std::uint64_t mini_batch, std::uint64_t attempt,
                         std::uint64_t items, std::uint64_t failed) {
    entries.u8(kind);
    entries.u64(mini_batch);
    if (version > 2) entries.u32(0);
    for (const std::uint64_t value : {attempt, items, failed}) entries.u64(value);
  };
  entry(1, 0, 1, 10, 2);
  entry(2, 3, 2, 10, 10);
  append(group);
  return bytes;
}

TEST(Journal, OfTheVersionBeforeIsReadAndGoneOnWith) {
  MemoryStorage storage;
  storage.at(kJournalPath) = of_version(2);
  const std::vector<JournalRecord> known = some_records();
  const Read before = read(storage);
  ASSERT_TRUE(before.end) << before.end.error().message;
  EXPECT_EQ(before.records, (std::vector<JournalRecord>{known[0], known[1]}));
  EXPECT_EQ(before.end->version, 2U);
  EXPECT_TRUE(is_journal_of(*storage.open(kJournalPath).value(), "job").value());

  JournalWriter writer(storage.open(kJournalPath).value(), *before.end);
  ASSERT_TRUE(writer.append(known[1]));
  const Read after = read(storage);
  ASSERT_TRUE(after.end) << after.end.error().message;
  EXPECT_EQ(after.records, (std::vector<JournalRecord>{known[0], known[1], known[1]}));

  // It has no place for a part: that must not be lost without a word.
  GroupRecord part{200, 1, 7, 2, {{CommitEntry::Kind::kSucceeded, {{9}, 1}, 3, 1, 0}}};
  const std::string bytes = storage.at(kJournalPath);
  const Status refused = writer.append(part);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(storage.at(kJournalPath), bytes);
}

TEST(Journal, OfAnEarlierVersionDoesNotSayWhoseRowsAreWhich) {
  MemoryStorage storage;
  storage.at(kJournalPath) = of_version(3);
  std::vector<JournalRecord> known = some_records();
  const Read before = read(storage);
  ASSERT_TRUE(before.end) << before.end.error().message;
  EXPECT_EQ(before.records, (std::vector<JournalRecord>{known[0], known[1]}));
  EXPECT_TRUE(before.end->holds_parts());
  EXPECT_FALSE(before.end->holds_row_lengths());
  // Gone on with, it stays what it is.
  JournalWriter writer(storage.open(kJournalPath).value(), *before.end);
  std::get<GroupRecord>(known[1]).entries[0].rows_length = 9;
  ASSERT_TRUE(writer.append(known[1]));
  const Read after = read(storage);
  ASSERT_TRUE(after.end) << after.end.error().message;
  EXPECT_EQ(after.records.back(), some_records()[1]);
  EXPECT_EQ(after.end->version, 3U);

  MemoryStorage now = written();
  EXPECT_TRUE(read(now).end->holds_row_lengths());
}

TEST(Journal, SaysHowLongRowsAre) {
  MemoryStorage storage;
  auto writer = JournalWriter::create(storage, "job");
  GroupRecord group{100, 11, 7, 22, {{CommitEntry::Kind::kSucceeded, {3}, 1, 10, 0, 1ULL << 40U}}};
  ASSERT_TRUE(writer.value()->append(group));
  EXPECT_EQ(read(storage).records, std::vector<JournalRecord>{group});
}

TEST(Journal, OfAnotherVersionIsRefusedByName) {
  for (const char version : {'\x01', '\x05'}) {
    MemoryStorage storage = written();
    storage.at(kJournalPath)[8] = version;
    const Read other = read(storage);
    ASSERT_FALSE(other.end);
    EXPECT_EQ(other.end.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(other.end.error().message.find(fmt::format("has version {}", static_cast<int>(version))),
              std::string::npos);
  }
}

TEST(Journal, TornAtEveryByteKeepsTheWholeRecordsAndGoesOn) {
  const MemoryStorage whole = written();
  const std::string bytes = *whole.files.at(kJournalPath);
  MemoryStorage scratch = whole.copy();
  const Read all = read(scratch);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    MemoryStorage storage;
    storage.at(kJournalPath) = bytes.substr(0, cut);
    const Read torn = read(storage);
    ASSERT_TRUE(torn.end) << cut << ": " << torn.end.error().message;
    const JournalEnd& end = *torn.end;
    if (cut < all.offsets.front()) {
      EXPECT_FALSE(end.header_whole) << cut;
      continue;
    }
    std::size_t expected = 0;
    while (expected + 1 < all.offsets.size() && all.offsets[expected + 1] <= cut) ++expected;
    ASSERT_EQ(torn.records.size(), expected) << cut;
    EXPECT_EQ(end.length + end.torn, cut);

    auto file = storage.open(kJournalPath);
    ASSERT_TRUE(file.value()->truncate(end.length));
    JournalWriter writer(std::move(file).value(), end);
    ASSERT_TRUE(writer.append(EpochStart{9, 9}));
    const Read again = read(storage);
    ASSERT_TRUE(again.end);
    EXPECT_EQ(again.records.size(), expected + 1);
  }
}

TEST(Journal, LastRecordOverwrittenByZeroesFromAnyByteIsTorn) {
  const MemoryStorage whole = written();
  const std::string bytes = *whole.files.at(kJournalPath);
  MemoryStorage scratch = whole.copy();
  const std::size_t last = read(scratch).offsets.back();
  for (std::size_t from = last; from < bytes.size() - 1; ++from) {
    MemoryStorage storage;
    storage.at(kJournalPath) = bytes.substr(0, from) + std::string(bytes.size() - from, '\0');
    const Read torn = read(storage);
    ASSERT_TRUE(torn.end) << from << ": " << torn.end.error().message;
    EXPECT_EQ(torn.records.size(), some_records().size() - 1) << from;
  }
}

TEST(Journal, DamageBeforeTheEndIsRefusedAndNotCutAway) {
  const MemoryStorage whole = written();
  MemoryStorage scratch = whole.copy();
  const Read all = read(scratch);
  const std::size_t last = all.offsets.back();
  const std::size_t end = whole.files.at(kJournalPath)->size();
  // Every bit of the header and of all records but the last, whatever a crash has left of that one.
  for (const std::size_t length : {end, end - 1, last + 8}) {
    for (std::size_t at = 0; at < last; ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        MemoryStorage storage = whole.copy();
        storage.at(kJournalPath).resize(length);
        storage.at(kJournalPath)[at] = static_cast<char>(storage.at(kJournalPath)[at] ^ (1 << bit));
        const Read damaged = read(storage);
        ASSERT_FALSE(damaged.end) << "bit " << bit << " of byte " << at << " of " << length;
        // No other version differs in one bit.
        const bool version = at >= 8 && at < 12;
        EXPECT_EQ(damaged.end.error().code, version ? ErrorCode::kUnsupported : ErrorCode::kCorrupt) << at;
        const std::string& message = damaged.end.error().message;
        EXPECT_NE(message.find(kJournalPath), std::string::npos);
        if (version) continue;
        EXPECT_NE(message.find("--overwrite"), std::string::npos);
        const auto record = std::upper_bound(all.offsets.begin(), all.offsets.end(), at);
        if (record == all.offsets.begin()) continue;
        EXPECT_NE(message.find(fmt::format("damaged at byte {}, ", *std::prev(record))), std::string::npos)
            << message;
      }
    }
  }
}

// Two bits that fit together: the length and its check agree, on another length.
TEST(Journal, ALengthThatAgreesWithItsCheckAndIsNotWhatWasWrittenIsDamage) {
  const MemoryStorage whole = written();
  MemoryStorage scratch = whole.copy();
  const Read all = read(scratch);
  for (std::size_t record = 0; record + 1 < all.offsets.size(); ++record) {
    for (std::size_t bit = 0; bit < 30; ++bit) {
      MemoryStorage storage = whole.copy();
      for (const std::size_t word : {0U, 4U}) {
        char& byte = storage.at(kJournalPath)[all.offsets[record] + word + bit / 8];
        byte = static_cast<char>(byte ^ (1 << (bit % 8)));
      }
      EXPECT_FALSE(read(storage).end) << "bit " << bit << " of record " << record;
    }
  }
}

// The last record may be what a crash has left: only where its rest tells that it was whole it is damage.
TEST(Journal, AFlippedBitInTheLengthOfTheLastRecordIsDamageToo) {
  const MemoryStorage whole = written();
  MemoryStorage scratch = whole.copy();
  const std::size_t last = read(scratch).offsets.back();
  for (std::size_t at = last; at < last + 8; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      MemoryStorage storage = whole.copy();
      char& byte = storage.at(kJournalPath)[at];
      byte = static_cast<char>(byte ^ (1 << bit));
      if (byte == '\0') continue;  // as a loss of power may leave it
      EXPECT_FALSE(read(storage).end) << "bit " << bit << " of byte " << at;
    }
  }
}

// A disk may keep the later pages of a record that was never synced, and not the earlier ones.
TEST(Journal, LastRecordWithZeroesInAnyPartIsTorn) {
  const MemoryStorage whole = written();
  const std::string bytes = *whole.files.at(kJournalPath);
  MemoryStorage scratch = whole.copy();
  const Read all = read(scratch);
  // A group of mini-batches as the last one, too.
  for (const std::size_t record : {all.offsets.size() - 1, std::size_t{1}}) {
    const std::size_t first = all.offsets[record];
    const std::size_t past = record + 1 < all.offsets.size() ? all.offsets[record + 1] : bytes.size();
    for (std::size_t from = first; from < past; ++from) {
      for (std::size_t to = from + 1; to <= past; ++to) {
        MemoryStorage storage;
        storage.at(kJournalPath) = bytes.substr(0, past);
        storage.at(kJournalPath).replace(from, to - from, to - from, '\0');
        if (storage.at(kJournalPath) == bytes.substr(0, past)) continue;
        const Read torn = read(storage);
        ASSERT_TRUE(torn.end) << from << " to " << to << ": " << torn.end.error().message;
        EXPECT_EQ(torn.records.size(), record);
        EXPECT_EQ(torn.end->torn, past - first);
      }
    }
  }
}

TEST(Journal, ARecordOfAnotherPlaceDoesNotPass) {
  const MemoryStorage whole = written();
  MemoryStorage scratch = whole.copy();
  const Read all = read(scratch);
  const std::string bytes = *whole.files.at(kJournalPath);
  MemoryStorage storage;
  // The last record left out, the one before it twice.
  storage.at(kJournalPath) =
      bytes.substr(0, all.offsets[4]) + bytes.substr(all.offsets[3], all.offsets[4] - all.offsets[3]);
  EXPECT_EQ(read(storage).records.size(), 4U);
}

TEST(Journal, OfAnotherJobOrProgramIsRefused) {
  MemoryStorage storage = written();
  EXPECT_EQ(read(storage, "jab").end.error().code, ErrorCode::kConflict);
  EXPECT_EQ(read(storage, "another job").end.error().code, ErrorCode::kConflict);
  storage.at(kJournalPath)[8] = 99;  // version
  EXPECT_EQ(read(storage).end.error().code, ErrorCode::kUnsupported);
  storage.at(kJournalPath) = "dear diary, today I was happy and wrote many lines of text";
  EXPECT_EQ(read(storage).end.error().code, ErrorCode::kCorrupt);
}

TEST(Journal, StaysBelowFiftyBytesAMiniBatch) {
  MemoryStorage storage;
  auto writer = JournalWriter::create(storage, "job");
  const std::size_t before = storage.at(kJournalPath).size();
  GroupRecord group;
  for (std::uint64_t i = 0; i < 1000; ++i)
    group.entries.push_back({CommitEntry::Kind::kSucceeded, {i}, i, 10, 0});
  ASSERT_TRUE(writer.value()->append(group));
  EXPECT_LE(storage.at(kJournalPath).size() - before, 50U * 1000U);
}

}  // namespace
}  // namespace parallelrun
