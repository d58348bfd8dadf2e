#include "runner/orchestrator/failed_items.h"

#include <gtest/gtest.h>

#include "common/json/json.h"

namespace parallelrun::orchestrator {
namespace {

const ScriptError kError{ErrorPhase::kRun, "ValueError", "bad", ""};

MiniBatch files_of(std::vector<std::string> names) {
  return {{7}, 0, names.size(), encode(FileSet{{{"/d/", std::move(names)}}})};
}

TEST(FailedItems, NamesThatAreNotUtf8StandByteForByte) {
  const auto plain = nlohmann::json::parse(failed_line(files_of({"a", "\xC3\xA9"}), "in", 3, kError));
  EXPECT_EQ(plain["files"], (std::vector<std::string>{"/d/a", "/d/\xC3\xA9"}));
  EXPECT_FALSE(plain.contains("filesBase64"));

  const auto odd = nlohmann::json::parse(failed_line(files_of({"a", "\xFF\xFE"}), "in", 3, kError));
  EXPECT_EQ(odd["files"][0], "/d/a");
  EXPECT_EQ(odd["filesBase64"],
            (std::vector<std::string>{"L2QvYQ==", "L2Qv//4="}));  // printf '/d/\377\376' | base64

  CsvSlice slice{"/d/\xFFx.csv", 0, 5, 4, 2, 5, 0, {}, "h\n"};
  const auto row = nlohmann::json::parse(failed_line({{1}, 0, 2, encode(slice)}, "in", 1, kError));
  EXPECT_EQ(row["fileBase64"], "L2Qv/3guY3N2");
  EXPECT_EQ(row["firstRow"], 4);
}

TEST(FailedItems, AShortfallNamesItsFilesOrRows) {
  const MiniBatch mini_batch = files_of({"a", "b", "\xFF"});
  const std::string line = shortfall_line({7}, &mini_batch, "in", 3, 1);
  EXPECT_TRUE(is_shortfall_line(line));
  const auto files = nlohmann::json::parse(line);
  EXPECT_EQ(files["files"].size(), 3U);
  EXPECT_EQ(files["filesBase64"].size(), 3U);
  EXPECT_EQ(files["count"], 2);
  EXPECT_EQ(files["returned"], 1);

  const CsvSlice slice{"/d/x.csv", 0, 5, 4, 2, 5, 0, {}, "h\n"};
  const MiniBatch rows{{8}, 0, 2, encode(slice)};
  const auto table = nlohmann::json::parse(shortfall_line({8}, &rows, "in", 2, 0));
  EXPECT_EQ(table["file"], "/d/x.csv");
  EXPECT_EQ(table["firstRow"], 4);
  EXPECT_EQ(table["records"], 2);
  EXPECT_FALSE(is_shortfall_line(failed_line(rows, "in", 1, kError)));
}

}  // namespace
}  // namespace parallelrun::orchestrator
