#include "operator/controller/status_patch.h"

#include <gtest/gtest.h>

namespace parallelrun::op {
namespace {

using nlohmann::json;

json job(const json& status) { return {{"metadata", {{"resourceVersion", "9"}}}, {"status", status}}; }

TEST(StatusPatch, NothingWhereNothingChanges) {
  EXPECT_FALSE(status_patch(job({{"state", "Running"}, {"progress", {{"a", 1}}}}), {{"state", "Running"}}));
}

TEST(StatusPatch, HasWhatChangesAndTheVersionItIsBasedOn) {
  const auto patch =
      status_patch(job({{"state", "Pending"}, {"replicas", 2}}), {{"state", "Running"}, {"replicas", 2}});
  ASSERT_TRUE(patch);
  EXPECT_EQ(*patch, json::parse(R"({"metadata": {"resourceVersion": "9"}, "status": {"state": "Running"}})"));
}

TEST(StatusPatch, ProgressStaysWhereNothingIsSaidOfIt) {
  const auto patch = status_patch(job({{"progress", {{"a", 1}}}}), {{"state", "Running"}});
  ASSERT_TRUE(patch);
  EXPECT_FALSE(patch->at("status").contains("progress"));
}

TEST(StatusPatch, AFinalProgressTakesThePlaceOfTheOneThatIsThere) {
  const auto patch = status_patch(job({{"progress", {{"a", 1}, {"leased", 2}}}}), {{"progress", {{"a", 3}}}});
  ASSERT_TRUE(patch);
  EXPECT_EQ(patch->at("status"), json::parse(R"({"progress": {"a": 3, "leased": null}})"));
}

TEST(StatusPatch, WhatIsLeftOutIsRemoved) {
  const auto patch = status_patch(job({{"state", "Running"}, {"message", "old"}}), {{"state", "Running"}});
  ASSERT_TRUE(patch);
  EXPECT_TRUE(patch->at("status").at("message").is_null());
}

TEST(StatusPatch, AppliedItGivesTheNewStatus) {
  const json before = {{"orchestrator", {{"incarnation", 1}, {"uid", "x"}}},
                       {"workers", {{{"index", 1}}}},
                       {"message", "old"},
                       {"progress", {{"a", 1}}}};
  const json wanted = {
      {"orchestrator", {{"incarnation", 2}}}, {"workers", json::array()}, {"state", "Running"}};
  const auto patch = status_patch(job(before), wanted);
  ASSERT_TRUE(patch);
  json after = before;
  after.merge_patch(patch->at("status"));
  json expected = wanted;
  expected["progress"] = before["progress"];
  EXPECT_EQ(after, expected);
}

}  // namespace
}  // namespace parallelrun::op
