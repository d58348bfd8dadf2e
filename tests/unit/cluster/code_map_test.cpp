#include "runner/cluster/code_map.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/files/temporary_directory.h"

namespace parallelrun::cluster {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

TEST(CodeMap, KeepsSubfoldersByItems) {
  const test::TemporaryDirectory folder;
  folder.write("score.py", "import pkg.model\n");
  folder.write("pkg/model.py", "x = 1\n");
  folder.write("pkg_model.py", "y = 2\n");  // would have the same key
  const auto map = code_map("digits", folder.path().string(), {});
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_EQ(map->config_map["metadata"]["name"], "digits-code");
  const json& items = map->source_directory["configMap"]["items"];
  ASSERT_EQ(items.size(), 3U);
  std::map<std::string, std::string> content;
  for (const json& item : items) content[item["path"]] = map->config_map["data"][item["key"]];
  const std::map<std::string, std::string> expected = {
      {"pkg/model.py", "x = 1\n"}, {"pkg_model.py", "y = 2\n"}, {"score.py", "import pkg.model\n"}};
  EXPECT_EQ(content, expected);
  EXPECT_EQ(map->files, 3U);
}

TEST(CodeMap, NeedsNoItemsForPlainNames) {
  const test::TemporaryDirectory folder;
  folder.write("score.py", "1");
  folder.write("model.bin", std::string("\x00\xff", 2));
  const auto map = code_map("digits", folder.path().string(), {});
  ASSERT_TRUE(map);
  EXPECT_EQ(map->source_directory, (json{{"configMap", {{"name", "digits-code"}}}}));
  EXPECT_EQ(map->config_map["data"], (json{{"score.py", "1"}}));
  EXPECT_EQ(map->config_map["binaryData"], (json{{"model.bin", "AP8="}}));
}

TEST(CodeMap, LeavesOutWhatAJobNeverLooksAtAndItsData) {
  const test::TemporaryDirectory folder;
  folder.write("score.py");
  folder.write("secret.txt");
  folder.write(".parallelrunignore", "secret.txt\n");
  folder.write("data/a.txt");
  folder.write("note.ipynb");
  const auto map = code_map("digits", folder.path().string(), {"data"});
  ASSERT_TRUE(map);
  EXPECT_EQ(map->config_map["data"].size(), 1U);
}

TEST(CodeMap, AFileOfTwoGigabytesIsNamedWithoutBeingRead) {
  const test::TemporaryDirectory folder;
  folder.write("score.py");
  const std::string weights = folder.write("weights.bin", "");
  ASSERT_EQ(truncate(weights.c_str(), off_t{2} << 30U), 0);
  const auto map = code_map("digits", folder.path().string(), {});
  ASSERT_FALSE(map);
  EXPECT_THAT(map.error().message, AllOf(HasSubstr("'weights.bin' 2.0 GiB"), HasSubstr("less than 1 MiB"),
                                         HasSubstr(".parallelrunignore"), HasSubstr("persistentVolumeClaim"),
                                         HasSubstr("environment.image")));
}

TEST(CodeMap, FillsAConfigMapAndNoMore) {
  const test::TemporaryDirectory folder;
  const std::string name = "data.txt";
  folder.write(name, std::string(kMostCodeBytes - 2 * name.size(), 'x'));
  EXPECT_TRUE(code_map("digits", folder.path().string(), {}));
  folder.write(name, std::string(kMostCodeBytes - 2 * name.size() + 1, 'x'));
  EXPECT_FALSE(code_map("digits", folder.path().string(), {}));
}

TEST(CodeMap, AFolderThatIsNotThere) {
  EXPECT_EQ(code_map("digits", "/nowhere/at/all", {}).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace parallelrun::cluster
