#include "runner/output/state_files.h"

#include <gtest/gtest.h>

#include "memory_storage.h"

namespace parallelrun {
namespace {

TEST(TypesFile, GivesBackWhatWasWritten) {
  MemoryStorage storage;
  const auto types = input_info_of(7, R"({"types": {"a": "int64", "b": "string"}})");
  ASSERT_TRUE(types);
  ASSERT_TRUE(write_types(storage, {types.value()}));
  const auto read = read_types(storage);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->at(7).types, R"({"input":7,"types":{"a":"int64","b":"string"}})");
}

TEST(TypesFile, ANumberThatNoInputHasIsDamage) {
  for (const char* input : {"4294967296", "18446744073709551615", "-1", "0.5", "\"0\""}) {
    MemoryStorage storage;
    storage.at(kTypesPath) = std::string("[{\"input\": ") + input + R"(, "types": {"a": "int64"}}])";
    const auto read = read_types(storage);
    ASSERT_FALSE(read) << input;  // 4294967296 was read as input 0
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
  }
}

}  // namespace
}  // namespace parallelrun
