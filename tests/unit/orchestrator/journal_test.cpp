#include "runner/orchestrator/journal.h"

#include <gtest/gtest.h>

#include "memory_storage.h"

namespace parallelrun::orchestrator {
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
    JournalWriter writer(std::move(file).value(), end.chain);
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
  // Every byte of the payload and checksum of the second record.
  for (std::size_t at = all.offsets[1] + 8; at < all.offsets[2]; ++at) {
    MemoryStorage storage = whole.copy();
    storage.at(kJournalPath)[at] = static_cast<char>(storage.at(kJournalPath)[at] ^ 0x10);
    const Read damaged = read(storage);
    ASSERT_FALSE(damaged.end) << at;
    EXPECT_EQ(damaged.end.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(damaged.end.error().message.find("--overwrite"), std::string::npos);
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

TEST(Journal, StaysBelowFortyBytesAMiniBatch) {
  MemoryStorage storage;
  auto writer = JournalWriter::create(storage, "job");
  const std::size_t before = storage.at(kJournalPath).size();
  GroupRecord group;
  for (std::uint64_t i = 0; i < 1000; ++i)
    group.entries.push_back({CommitEntry::Kind::kSucceeded, {i}, i, 10, 0});
  ASSERT_TRUE(writer.value()->append(group));
  EXPECT_LE(storage.at(kJournalPath).size() - before, 40U * 1000U);
}

}  // namespace
}  // namespace parallelrun::orchestrator
