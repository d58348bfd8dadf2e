#include "runner/web/kept_answers.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace parallelrun::web {
namespace {

using nlohmann::ordered_json;

TEST(KeptAnswersTest, FiftyViewersKeepNoMoreThanAllMay) {
  const auto places = std::make_shared<Places>();
  const ordered_json answer = {{"text", std::string(std::size_t{15} << 20U, 'x')}};
  const ordered_json small = {{"text", std::string(std::size_t{2} << 20U, 'x')}};
  std::vector<std::unique_ptr<KeptAnswers>> viewers;
  for (int viewer = 0; viewer < 50; ++viewer) {
    viewers.push_back(std::make_unique<KeptAnswers>(Tenant{places, std::to_string(viewer)}));
    for (int job = 0; job < (viewer < 5 ? 5 : 1); ++job)
      viewers.back()->keep(std::to_string(job), "log", viewer < 5 ? answer : small, true);
    EXPECT_LE(places->taken(Places::Kind::kKeptBytes), Places::bound(Places::Kind::kKeptBytes).in_total);
  }
  EXPECT_TRUE(viewers.front()->find("4", "log")) << "the last of them";
  EXPECT_FALSE(viewers.front()->find("0", "log")) << "a viewer has his own bound";
  EXPECT_FALSE(viewers.back()->find("0", "log")) << "there is no place, so it is asked for each time";
  viewers.front().reset();
  viewers.back()->keep("1", "log", small, true);
  EXPECT_EQ(viewers.back()->find("1", "log"), small);
  viewers.clear();
  EXPECT_EQ(places->taken(Places::Kind::kKeptBytes), 0U);
}

TEST(KeptAnswersTest, TheLastUsedStay) {
  const auto places = std::make_shared<Places>();
  KeptAnswers kept({places, "one"});
  kept.keep("first", "errors", {{"errors", 1}}, true);
  for (int job = 0; job < 199; ++job) kept.keep(std::to_string(job), "errors", ordered_json::object(), false);
  EXPECT_TRUE(kept.find("first", "errors"));
  kept.keep("one more", "errors", ordered_json::object(), false);
  EXPECT_TRUE(kept.find("first", "errors"));
  EXPECT_FALSE(kept.find("0", "errors"));
}

}  // namespace
}  // namespace parallelrun::web
