// Inputs from databases: what the data process says of their mini-batches becomes descriptors, and what of
// those a worker process gets.
#include "runner/input/sql_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/json/json.h"
#include "runner/input/input_listing.h"

namespace parallelrun {
namespace {

class Ranges final : public Listing {
 public:
  explicit Ranges(std::vector<StoredObject> ranges) : ranges_(std::move(ranges)) {}
  Result<std::optional<ListedObject>> next() override {
    if (at_ == ranges_.size()) return std::optional<ListedObject>();
    const StoredObject& range = ranges_[at_++];
    return std::optional(ListedObject{"", range.name, range.size, range.version});
  }

 private:
  std::vector<StoredObject> ranges_;
  std::size_t at_ = 0;
};

Input table() {
  Input input;
  input.name = "sales";
  input.type = InputType::kTabular;
  input.source.store = {{"sql", {{"table", "sales"}, {"partitionColumn", "id"}}}};
  input.columns = {{"code", ColumnType::kString}};
  return input;
}

constexpr const char* kFacts = R"({"first":501,"rows":500,"label":"id 7 to 9","bytes":4096,"snapshot":"s"})";

std::string descriptor_of(const InputFormat& format, const std::string& facts = kFacts) {
  Ranges ranges({{"%7B7%7D", 1, facts}});
  const auto cutter = format.cutter(ranges, {});
  return cutter->next().value().value().descriptor;
}

TEST(SqlTable, ARangeIsAMiniBatch) {
  const auto format = open_format(table());
  Ranges ranges({{"a", {}, kFacts}, {"b", 9, R"({"first":1001,"rows":0,"label":"all rows"})"}});
  const auto cutter = format->cutter(ranges, {});
  EXPECT_EQ(cutter->next().value()->items, 500u);
  EXPECT_EQ(cutter->next().value()->items, 0u);  // not known before it is read
  EXPECT_FALSE(cutter->next().value().has_value());
  EXPECT_EQ(cutter->objects(), 2u);
  EXPECT_FALSE(format->infers_types());
}

TEST(SqlTable, ItsItemsAreNamedByTheirKeys) {
  const Input input = table();
  const auto format = open_format(input);
  const std::string descriptor = descriptor_of(*format);
  EXPECT_EQ(format->items_of(descriptor, shown_root(input, "/cache/inputs/sales")).dump(),
            R"({"file":"sql://sales/id 7 to 9","firstRow":501,"records":500})");
  EXPECT_EQ(format->last_object(descriptor).value(), "%7B7%7D");
}

TEST(SqlTable, PartitionKeysAreThoseOfTheDatabase) {
  const Input input = table();
  const auto format = open_format(input, {"store"});
  EXPECT_EQ(format->kind(), DescriptorKind::kSqlRange) << "no grouping of ours around it";
  const std::string facts = R"({"first":1,"rows":2,"label":"store a","partitionKeys":{"store":"a"}})";
  EXPECT_EQ(format->items_of(descriptor_of(*format, facts), shown_root(input, "/cache/inputs/sales")).dump(),
            R"({"partitionKeys":{"store":"a"},"file":"sql://sales/store a","firstRow":1,"records":2})");
}

TEST(SqlTable, AWorkerGetsTheFileOfItsRows) {
  const auto format = open_format(table());
  const std::string descriptor = descriptor_of(*format);
  EXPECT_THAT(format->objects_to_fetch(descriptor).value(),
              testing::ElementsAre(StoredObject{"%7B7%7D", 4096, kFacts}));
  const std::string local = format->localized(descriptor, {".other/5"});
  EXPECT_EQ(local, std::string("\x08\x08\0\0\0.other/5", 13) + descriptor.substr(12));
  nlohmann::json entry;
  format->tell_worker(entry);
  EXPECT_EQ(entry.dump(), R"({"columns":{"code":"string"}})");
}

TEST(SqlTable, ItsRowsHaveNoNumbersByWhichToSplitIt) {
  const auto format = open_format(table());
  const auto part = format->part_of(descriptor_of(*format), {0, 1}, "");
  ASSERT_TRUE(part.ok());
  EXPECT_FALSE(part->has_value());
}

TEST(SqlTable, DescriptorsThatAreNoneAreRefused) {
  const auto format = open_format(table());
  const std::string sound = descriptor_of(*format);
  for (std::size_t size = 0; size < sound.size(); ++size)
    EXPECT_FALSE(format->objects_to_fetch(sound.substr(0, size)).ok()) << size;
  EXPECT_FALSE(format->objects_to_fetch(sound + "x").ok());
  Ranges ranges({{"a", 1, "no JSON"}});
  EXPECT_EQ(format->cutter(ranges, {})->next().error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace parallelrun
