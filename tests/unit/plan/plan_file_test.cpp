#include "runner/plan/plan_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

#include "runner/plan/posix_plan_storage.h"
#include "tests/unit/files/temporary_directory.h"

namespace parallelrun {
namespace {

// A file in memory that can run full.
class MemoryStorage final : public PlanStorage {
 public:
  Status append(std::string_view more) override {
    const std::size_t room = capacity - std::min(capacity, bytes.size());
    bytes += more.substr(0, room);
    ++appends;
    if (more.size() > room) return Error{ErrorCode::kNoSpace, "full"};
    return {};
  }
  Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
    if (offset >= bytes.size()) return std::size_t{0};
    return bytes.copy(into, size, offset);
  }
  Status truncate(std::uint64_t size) override {
    bytes.resize(size);
    return {};
  }
  Status refresh(std::uint64_t offset, std::uint64_t size) override {
    refreshed = {offset, size};
    return {};
  }
  Status sync() override {
    ++syncs;
    return {};
  }
  Result<std::uint64_t> size() override { return static_cast<std::uint64_t>(bytes.size()); }

  std::string bytes;
  std::size_t capacity = std::string::npos;
  std::pair<std::uint64_t, std::uint64_t> refreshed;
  int appends = 0;
  int syncs = 0;
};

MiniBatch numbered(std::uint64_t id) {
  return MiniBatch{MiniBatchId{id}, static_cast<std::uint32_t>(id % 3), id % 7,
                   "descriptor " + std::to_string(id)};
}

// Mini-batches that can be read; all must be the expected ones.
std::uint64_t read_all(PlanReader& reader, const PlanExtent& extent) {
  std::uint64_t count = 0;
  while (true) {
    const auto found = reader.next(extent);
    EXPECT_TRUE(found.ok());
    if (!found.ok() || !*found) return count;
    const MiniBatch expected = numbered(reader.position().mini_batches - 1);
    EXPECT_EQ((*found)->id, expected.id);
    EXPECT_EQ((*found)->input, expected.input);
    EXPECT_EQ((*found)->items, expected.items);
    EXPECT_EQ((*found)->descriptor, expected.descriptor);
    ++count;
  }
}

std::string plan_of(std::uint64_t count, bool finished) {
  MemoryStorage storage;
  auto writer = PlanWriter::open(storage);
  for (std::uint64_t id = 0; id < count; ++id) EXPECT_TRUE((*writer)->append(numbered(id)).ok());
  EXPECT_TRUE((finished ? (*writer)->finish() : (*writer)->flush()).ok());
  return storage.bytes;
}

TEST(PlanFile, AReaderFollowsTheWriter) {
  MemoryStorage storage;
  auto writer = PlanWriter::open(storage);
  ASSERT_TRUE(writer.ok());
  PlanReader reader(storage);
  std::uint64_t read = 0;
  for (std::uint64_t id = 0; id < 30'000; ++id) {
    ASSERT_TRUE((*writer)->append(numbered(id)).ok());
    if (id % 1000 == 0) read += read_all(reader, (*writer)->flushed());
    EXPECT_LE(read, (*writer)->flushed().mini_batches);
  }
  EXPECT_LT(storage.appends, 10);  // large writes
  EXPECT_FALSE(reader.position().complete);
  ASSERT_TRUE((*writer)->finish().ok());
  read += read_all(reader, (*writer)->flushed());
  EXPECT_EQ(read, 30'000U);
  EXPECT_TRUE(reader.position().complete);
  EXPECT_EQ(reader.position(), (*writer)->flushed());
  EXPECT_EQ(storage.syncs, 0);
  ASSERT_TRUE((*writer)->sync().ok());
  EXPECT_EQ(storage.syncs, 1);
}

TEST(PlanFile, WhatIsNotDurableForSureIsWrittenAgain) {
  const std::string whole = plan_of(30'000, false);
  std::uint64_t before = 0;
  for (const std::uint64_t durable : {0, 15'000, 29'999, 30'000}) {
    MemoryStorage storage;
    storage.bytes = whole;
    auto writer = PlanWriter::open(storage);
    ASSERT_TRUE((*writer)->settle(durable).ok());
    EXPECT_EQ(storage.syncs, 1);
    const auto [from, size] = storage.refreshed;
    EXPECT_EQ(from + size, whole.size());
    EXPECT_LE(from, plan_of(durable, false).size()) << durable;
    EXPECT_LT(plan_of(durable, false).size() - from, 600'000U) << durable;  // not much more than needed
    EXPECT_GE(from, before);
    before = from;
  }
  EXPECT_GT(before, 0U);
}

TEST(PlanFile, AHeaderOfZeroesIsAPlanThatWasNeverSynced) {
  const std::string whole = plan_of(3, true);
  for (const std::size_t zeroed : {1, 8, 15, 16}) {
    MemoryStorage storage;
    storage.bytes = std::string(zeroed, '\0') + whole.substr(zeroed);
    auto writer = PlanWriter::open(storage);
    ASSERT_TRUE(writer.ok()) << zeroed << ": " << writer.error().message;
    EXPECT_EQ((*writer)->flushed().mini_batches, 0U);
    EXPECT_EQ(storage.bytes, plan_of(0, false));
    EXPECT_EQ(storage.syncs, 1);  // the cut, before anything is appended
  }
}

TEST(PlanFile, EveryTornEndIsCutOffAndGoneOnFrom) {
  const std::string whole = plan_of(5, true);
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    for (const bool zeros_behind : {false, true}) {
      MemoryStorage storage;
      storage.bytes = whole.substr(0, size);
      if (zeros_behind)
        storage.bytes.append(size == 0 ? 0 : 40, '\0');  // a file grown before its data arrived
      if (zeros_behind && size < 16) continue;
      const bool complete = storage.bytes.starts_with(whole);  // the last bytes are zeros anyway
      auto writer = PlanWriter::open(storage);
      ASSERT_TRUE(writer.ok()) << size << ": " << writer.error().message;
      const std::uint64_t found = (*writer)->flushed().mini_batches;
      EXPECT_EQ((*writer)->last_found().has_value(), found > 0);
      EXPECT_EQ((*writer)->flushed().complete, complete);
      if (!(*writer)->flushed().complete) {
        for (std::uint64_t id = found; id < 5; ++id) ASSERT_TRUE((*writer)->append(numbered(id)).ok());
        ASSERT_TRUE((*writer)->finish().ok());
      }
      EXPECT_EQ(storage.bytes, whole) << size;
    }
  }
}

TEST(PlanFile, EveryFlippedBitIsSeen) {
  const std::string whole = plan_of(3, true);
  const PlanExtent everything{whole.size(), 0, 0, false};
  for (std::size_t at = 0; at < whole.size(); ++at) {
    if (at >= 12 && at < 16) continue;  // reserved
    MemoryStorage storage;
    storage.bytes = whole;
    storage.bytes[at] = static_cast<char>(storage.bytes[at] ^ 4);
    PlanReader reader(storage);
    bool failed = false;
    for (int i = 0; i < 5 && !failed; ++i) failed = !reader.next(everything).ok();
    EXPECT_TRUE(failed) << at;
  }
}

TEST(PlanFile, SomethingElseIsNotOverwritten) {
  for (const std::string& content : {std::string("hello"), std::string(1000, 'x')}) {
    MemoryStorage storage;
    storage.bytes = content;
    EXPECT_EQ(PlanWriter::open(storage).error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(storage.bytes, content);
  }
  MemoryStorage newer;
  newer.bytes = plan_of(1, false);
  newer.bytes[8] = 9;
  EXPECT_EQ(PlanWriter::open(newer).error().code, ErrorCode::kUnsupported);
}

TEST(PlanFile, AFullDiskIsAnErrorThatStaysAndCanBeResumed) {
  MemoryStorage storage;
  storage.capacity = 100;
  auto writer = PlanWriter::open(storage);
  for (std::uint64_t id = 0; id < 10; ++id) ASSERT_TRUE((*writer)->append(numbered(id)).ok());
  EXPECT_EQ((*writer)->flush().error().code, ErrorCode::kNoSpace);
  EXPECT_EQ((*writer)->flushed().mini_batches, 0U);
  storage.capacity = std::string::npos;
  EXPECT_FALSE((*writer)->append(numbered(10)).ok());
  EXPECT_FALSE((*writer)->sync().ok());

  auto next = PlanWriter::open(storage);
  ASSERT_TRUE(next.ok());
  EXPECT_GT((*next)->cut_bytes(), 0U);
  for (std::uint64_t id = (*next)->flushed().mini_batches; id < 10; ++id)
    ASSERT_TRUE((*next)->append(numbered(id)).ok());
  ASSERT_TRUE((*next)->finish().ok());
  EXPECT_EQ(storage.bytes, plan_of(10, true));
}

TEST(PlanFile, LivesInARealFile) {
  test::TemporaryDirectory folder;
  {
    auto storage = PosixPlanStorage::open(folder / "plan");
    ASSERT_TRUE(storage.ok());
    auto writer = PlanWriter::open(**storage);
    for (std::uint64_t id = 0; id < 1000; ++id) ASSERT_TRUE((*writer)->append(numbered(id)).ok());
    ASSERT_TRUE((*writer)->sync().ok());
  }
  auto storage = PosixPlanStorage::open(folder / "plan");
  ASSERT_TRUE((*storage)->append("torn").ok());
  auto writer = PlanWriter::open(**storage);
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ((*writer)->cut_bytes(), 4U);
  EXPECT_EQ((*writer)->last_found()->id.value, 999U);
  PlanReader reader(**storage);
  EXPECT_EQ(read_all(reader, (*writer)->flushed()), 1000U);
  EXPECT_EQ(PosixPlanStorage::open(folder / "no/plan").error().code, ErrorCode::kNotFound);
}

TEST(PlanFile, WhatWasLeftOutIsKept) {
  MemoryStorage storage;
  const PassedOver links{0, PassedKind::kBrokenLink, 2, "a\xFF", false};
  const PassedOver tables{1, PassedKind::kEmptyTable, 1, "b.csv", true};
  {
    auto writer = PlanWriter::open(storage);
    ASSERT_TRUE((*writer)->append(numbered(0)).ok());
    ASSERT_TRUE((*writer)->append(links).ok());
    ASSERT_TRUE((*writer)->append(numbered(1)).ok());
    ASSERT_TRUE((*writer)->append(tables).ok());
    ASSERT_TRUE((*writer)->finish().ok());
  }
  auto again = PlanWriter::open(storage);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)->passed_over(), (std::vector<PassedOver>{links, tables}));
  EXPECT_EQ((*again)->last_found()->id.value, 1U);
  EXPECT_TRUE((*again)->flushed().complete);
  PlanReader reader(storage);
  EXPECT_EQ(read_all(reader, (*again)->flushed()), 2U);
  EXPECT_TRUE(reader.position().complete);
}

}  // namespace
}  // namespace parallelrun
