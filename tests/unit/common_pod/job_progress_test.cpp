#include "common/pod/job_progress.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace parallelrun::pod {
namespace {

using nlohmann::json;

TEST(ProgressStatus, HoldsTheCountsAndWhatPeopleRead) {
  const json status = progress_status({{"event", "progress"},
                                       {"miniBatchesCreated", 3U},
                                       {"miniBatchesProcessed", 2U},
                                       {"itemsTotal", 30U},
                                       {"itemsSucceeded", 19U},
                                       {"planComplete", true},
                                       {"miniBatchSecondsTotal", 1.5},
                                       {"startFailure", "worker-0: no index"},
                                       {"message", "no"}},
                                      "2026-01-31T12:00:00Z");
  EXPECT_EQ(status, (json{{"miniBatchesCreated", 3},
                          {"miniBatchesProcessed", 2},
                          {"itemsTotal", 30},
                          {"itemsSucceeded", 19},
                          {"planComplete", true},
                          {"miniBatchSecondsTotal", 1.5},
                          {"startFailure", "worker-0: no index"},
                          {"percent", 66},
                          {"items", "19 / 30"},
                          {"updateTime", "2026-01-31T12:00:00Z"}}));
}

TEST(ProgressStatus, WhatWasTakenOverIsCutToWhatTheServerTakes) {
  json told = {{"from", "first"}, {"miniBatches", 7U}, {"items", 35U},
               {"left", 1U},      {"leftItems", 5U},   {"more", 1}};
  const json taken = progress_status({{"takenOver", told}}, "")["takenOver"];
  EXPECT_EQ(taken,
            (json{{"from", "first"}, {"miniBatches", 7}, {"items", 35}, {"left", 1}, {"leftItems", 5}}));
  told["again"] = json::array();
  for (int i = 0; i < 20; ++i) told["again"].push_back(std::string(2000, 'x'));
  const json cut = progress_status({{"takenOver", told}}, "")["takenOver"]["again"];
  EXPECT_EQ(cut.size(), 16U);
  EXPECT_EQ(cut[15].get<std::string>().size(), 1024U);
}

TEST(ProgressStatus, AHundredPercentIsAllOfThem) {
  const auto percent = [](std::uint64_t done, std::uint64_t all) {
    return progress_status({{"miniBatchesCreated", all}, {"miniBatchesProcessed", done}}, "")["percent"];
  };
  EXPECT_EQ(percent(0, 0), 0);
  EXPECT_EQ(percent(999, 1000), 99);
  EXPECT_EQ(percent(1000, 1000), 100);
  EXPECT_EQ(percent(1001, 1000), 100);  // more than the schema allows would be refused
}

json said() {
  return json::parse(R"({
    "state": "Complete", "planComplete": true, "miniBatchesCreated": 4, "miniBatchesProcessed": 4,
    "miniBatchesSucceeded": 3, "miniBatchesFailed": 1, "itemsTotal": 40, "itemsSucceeded": 30, "itemsFailed": 10,
    "triesFailed": 3, "durationSeconds": 7, "miniBatchSecondsTotal": 2.5, "logs": "digits/logs"})");
}

TEST(FinalProgress, IsWhatTheOrchestratorWouldHaveWritten) {
  EXPECT_EQ(final_progress(said(), nullptr, "2026-01-31T12:00:00Z"),
            (json{{"planComplete", true},
                  {"miniBatchesCreated", 4},
                  {"miniBatchesProcessed", 4},
                  {"miniBatchesSucceeded", 3},
                  {"miniBatchesFailed", 1},
                  {"itemsTotal", 40},
                  {"itemsSucceeded", 30},
                  {"itemsFailed", 10},
                  {"triesFailed", 3},
                  {"miniBatchSecondsTotal", 2.5},
                  {"percent", 100},
                  {"items", "30 / 40"},
                  {"updateTime", "2026-01-31T12:00:00Z"}}));
}

TEST(FinalProgress, WordsWithoutCountsHaveNone) {
  EXPECT_TRUE(final_progress({{"state", "Failed"}, {"message", "refused"}}, {{"percent", 1}}, "").is_null());
  EXPECT_TRUE(final_progress(nullptr, nullptr, "").is_null());
}

TEST(FinalProgress, TakesThePlaceOfWhatWasWrittenLast) {
  const json last = {{"itemsTotal", 9},
                     {"agents", 2},
                     {"miniBatchesLeased", 1},
                     {"startFailure", "worker-0: no index"},
                     {"ofANewerRunner", {{"a", 1}}}};
  json expected = final_progress(said(), nullptr, "");
  expected["ofANewerRunner"] = {{"a", 1}};
  EXPECT_EQ(final_progress(said(), last, ""), expected);
}

// The API server would refuse it, and with it the end of the job.
TEST(FinalProgress, WhatIsNoCountIsNotTaken) {
  for (const json& wrong : {json(-1), json(1.5), json("4"), json(true), json(std::uint64_t{1} << 63)}) {
    for (const char* name : kFinalCounts) {
      if (wrong.is_boolean() && std::string(name) == "planComplete") continue;
      json message = said();
      message[name] = wrong;
      EXPECT_TRUE(final_progress(message, nullptr, "").is_null()) << name << ": " << wrong;
    }
  }
  for (const json& wrong : {json(-1.5), json("2")}) {
    json message = said();
    message["miniBatchSecondsTotal"] = wrong;
    EXPECT_FALSE(final_progress(message, nullptr, "").contains("miniBatchSecondsTotal")) << wrong;
  }
}

}  // namespace
}  // namespace parallelrun::pod
