#include "runner/output/failed_items.h"

#include <gtest/gtest.h>

#include "common/json/json.h"
#include "runner/progress/progress.h"

namespace parallelrun {
namespace {

const ScriptError kError{ErrorPhase::kRun, "ValueError", "bad", ""};
const MiniBatch kMiniBatch{{7}, 0, 2, "d"};

TEST(FailedItems, AFailureNamesItsItemsAndItsError) {
  const std::string line = failed_line({{7}}, kMiniBatch, {{"files", {"/d/a", "/d/b"}}}, "in", 3, kError);
  EXPECT_FALSE(is_shortfall_line(line));
  EXPECT_EQ(line,
            R"({"kind":"failed","miniBatch":7,"input":"in","files":["/d/a","/d/b"],"count":2,"tries":3,)"
            R"("error":{"phase":"run","type":"ValueError","message":"bad"}})"
            "\n");
}

TEST(FailedItems, AShortfallNamesItsItemsAsFarAsTheyAreKnown) {
  const std::string line = shortfall_line({7}, {{"file", "/d/\xFF"}, {"firstRow", 4}}, "in", 3, 1);
  EXPECT_TRUE(is_shortfall_line(line));
  const auto known = nlohmann::json::parse(line);
  EXPECT_EQ(known["file"], "/d/\xEF\xBF\xBD");
  EXPECT_EQ(known["firstRow"], 4);
  EXPECT_EQ(known["count"], 2);
  EXPECT_EQ(known["items"], 3);
  EXPECT_EQ(known["returned"], 1);
  const auto unknown = nlohmann::json::parse(shortfall_line({7}, {}, "in", 3, 1));
  EXPECT_EQ(unknown.size(), 6U);
}

TEST(FailedItems, APartIsNamedBesideItsMiniBatch) {
  const nlohmann::ordered_json file{{"files", {"/d/b"}}};
  const auto whole = nlohmann::json::parse(failed_line({{7}}, kMiniBatch, file, "in", 3, kError));
  EXPECT_FALSE(whole.contains("part"));
  const auto failed = nlohmann::json::parse(failed_line({{7}, 2}, kMiniBatch, file, "in", 3, kError));
  EXPECT_EQ(failed["miniBatch"], 7);
  EXPECT_EQ(failed["part"], 2);
  const std::string line = shortfall_line({{7}, 2}, file, "in", 3, 1);
  EXPECT_TRUE(is_shortfall_line(line));
  EXPECT_EQ(nlohmann::json::parse(line)["part"], 2);
  EXPECT_NE(shortfall_error({{7}, 2}, "in", 3, 1).message.find("(mini-batch 7.2 of input 'in')"),
            std::string::npos);
}

}  // namespace
}  // namespace parallelrun
