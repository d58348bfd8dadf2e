#include "runner/events/metric_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallelrun {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(MetricWords, EachNameIsALineAndWhatIsMissingIsSaid) {
  const json finished = json::parse(R"({"metrics": {
      "values": 7, "names": 25, "dropped": 1, "ofFurtherNames": 2, "continued": true, "shown": [
      {"name": "loss", "kind": "scalar", "values": 2, "last": 0.5, "lowest": 0.25, "highest": 0.5, "mean": 0.375},
      {"name": "acc", "kind": "scalar", "values": 1, "last": 1, "mean": 1.0},
      {"name": "epoch", "kind": "row", "values": 3, "last": "a=1"},
      {"name": "stage", "kind": "tag", "values": 1, "last": "test"}]}})");
  EXPECT_THAT(
      metric_lines(finished),
      ElementsAre("metrics: 7 values of 25 names in logs/user/metrics.jsonl, since this start (the file has "
                  "those of earlier starts, too); 1 value more came faster than they could be sent and are "
                  "lost",
                  "  loss: 2 values, last 0.5, lowest 0.25, highest 0.5, mean 0.375", "  acc: 1",
                  "  epoch: 3 rows, last a=1", "  stage: test", "  and 21 names more",
                  "  and 2 values of further names"));
}

TEST(MetricWords, WhatIsNoSummaryIsNotShown) {
  EXPECT_THAT(metric_lines(json::object()), IsEmpty());
  EXPECT_THAT(metric_lines({{"metrics", 3}}), IsEmpty());
  EXPECT_THAT(
      metric_lines({{"metrics", {{"values", -1}, {"names", "x"}, {"shown", {1, "a", json::object()}}}}}),
      ElementsAre("metrics: 0 values of 0 names in logs/user/metrics.jsonl"));
}

}  // namespace
}  // namespace parallelrun
