#include "runner/cluster/code_map.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

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
  EXPECT_EQ(map->config_maps[0]["metadata"]["name"], "digits-code");
  const json& items = map->source_directory["configMap"]["items"];
  ASSERT_EQ(items.size(), 3U);
  std::map<std::string, std::string> content;
  for (const json& item : items) content[item["path"]] = map->config_maps[0]["data"][item["key"]];
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
  EXPECT_EQ(map->config_maps[0]["data"], (json{{"score.py", "1"}}));
  EXPECT_EQ(map->config_maps[0]["binaryData"], (json{{"model.bin", "AP8="}}));
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
  EXPECT_EQ(map->config_maps[0]["data"].size(), 1U);
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

TEST(CodeMap, AFileFillsAConfigMapAndNoMore) {
  const test::TemporaryDirectory folder;
  const std::string name = "data.txt";
  folder.write(name, std::string(kMostCodeBytes - 2 * name.size(), 'x'));
  const auto map = code_map("digits", folder.path().string(), {});
  ASSERT_TRUE(map);
  EXPECT_EQ(map->config_maps.size(), 1U);
  folder.write(name, std::string(kMostCodeBytes - 2 * name.size() + 1, 'x'));
  EXPECT_FALSE(code_map("digits", folder.path().string(), {}));
}

TEST(CodeMap, SeveralConfigMapsAreOneFolder) {
  const test::TemporaryDirectory folder;
  std::map<std::string, std::string> expected;
  for (const char* name : {"a.py", "pkg/b.py", "pkg/c.bin"}) {
    expected[name] = std::string(600U << 10U, name[0]);
    folder.write(name, expected[name]);
  }
  folder.write("small.py", expected["small.py"] = "1");
  const auto map = code_map("digits", folder.path().string(), {});
  ASSERT_TRUE(map) << map.error().message;
  ASSERT_EQ(map->config_maps.size(), 3U);
  EXPECT_EQ(map->files, 4U);
  EXPECT_EQ(map->bytes, 3 * (600U << 10U) + 1);
  const json& sources = map->source_directory["projected"]["sources"];
  ASSERT_EQ(sources.size(), 3U);
  std::map<std::string, std::string> content;
  for (std::size_t i = 0; i < 3; ++i) {
    const json& config_map = map->config_maps[i];
    EXPECT_EQ(config_map["metadata"]["name"], code_map_name("digits", i + 1));
    EXPECT_EQ(config_map["metadata"]["labels"][kCodeOfLabel], "digits");
    const json& source = sources[i]["configMap"];
    EXPECT_EQ(source["name"], config_map["metadata"]["name"]);
    if (source.contains("items")) {
      for (const json& item : source["items"]) content[item["path"]] = config_map["data"][item["key"]];
    } else {
      for (const auto& [key, value] : config_map["data"].items()) content[key] = value;
    }
  }
  EXPECT_EQ(content, expected);

  const CodeMap copy = copy_of_code_map(map->config_maps, map->source_directory, "second");
  EXPECT_EQ(copy.config_maps[2]["metadata"]["name"], "second-code-3");
  EXPECT_EQ(copy.config_maps[2]["data"], map->config_maps[2]["data"]);
  EXPECT_EQ(code_map_names(copy.source_directory, "second").size(), 3U);
  EXPECT_EQ(copy.files, 4U);
}

TEST(CodeMap, AllTogetherHaveABound) {
  const test::TemporaryDirectory folder;
  const std::string half(kMostCodeBytes / 2, 'x');
  for (std::size_t i = 0; i < 2 * kMostCodeInAll / kMostCodeBytes; ++i)
    folder.write("part" + std::to_string(i) + ".py", half);
  const auto map = code_map("digits", folder.path().string(), {});
  ASSERT_TRUE(map) << map.error().message;
  EXPECT_LE(map->config_maps.size(), 64U) << "what a projected volume may have";
  for (const char* more : {"more", "and more"}) folder.write(more, half);
  const auto refused = code_map("digits", folder.path().string(), {});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("at most 16 MiB"));
}

TEST(CodeMap, NamesOfAJobsCode) {
  const auto sources = [](std::vector<std::string> names) {
    json list = json::array();
    for (const std::string& name : names) list.push_back({{"configMap", {{"name", name}}}});
    return json{{"projected", {{"sources", list}}}};
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(code_map_names({{"configMap", {{"name", "a-code"}}}}, "a"), Names{"a-code"});
  EXPECT_EQ(code_map_names({{"configMap", {{"name", "a-code"}}}}, "b"), Names{});
  EXPECT_EQ(code_map_names(sources({"a-code", "a-code-2"}), "a"), (Names{"a-code", "a-code-2"}));
  EXPECT_EQ(code_map_names(sources({"a-code", "mine"}), "a"), Names{});
  EXPECT_EQ(code_map_names({{"projected", {{"sources", {{{"secret", {{"name", "a-code"}}}}}}}}}, "a"),
            Names{});
  EXPECT_EQ(code_map_names(json::object(), "a"), Names{});
}

TEST(CodeMap, AFolderThatIsNotThere) {
  EXPECT_EQ(code_map("digits", "/nowhere/at/all", {}).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace parallelrun::cluster
