#include "runner/orchestrator/server/metrics.h"

#include <gtest/gtest.h>

#include <string>

namespace parallelrun::orchestrator {
namespace {

using nlohmann::json;

AgentView agent() {
  AgentView view;
  view.name = "agent001";
  view.node = "127.0.0.2";
  return view;
}

LogChunk chunk(std::string lines) { return {"user/metrics/127.0.0.2/process003", std::move(lines)}; }

std::string scalar(const std::string& name, const std::string& value) {
  return R"({"kind":"scalar","name":")" + name + R"(","value":)" + value + "}\n";
}

TEST(Metrics, LinesGetTheirPlaceAndNothingElseChanges) {
  Metrics metrics(false);
  EXPECT_TRUE(Metrics::are_in("user/metrics/127.0.0.2/process003"));
  EXPECT_FALSE(Metrics::are_in("user/stdout/127.0.0.2/process003.stdout.txt"));
  EXPECT_EQ(
      metrics.take(agent(), chunk(scalar("loss", "0.5") + scalar("loss", "1"))),
      R"({"agent":"agent001","node":"127.0.0.2","process":"process003","kind":"scalar","name":"loss","value":0.5})"
      "\n"
      R"({"agent":"agent001","node":"127.0.0.2","process":"process003","kind":"scalar","name":"loss","value":1})"
      "\n");
  json event;
  metrics.tell(event);
  EXPECT_EQ(event["metrics"],
            json::parse(R"({"values":2,"names":1,"shown":[{"name":"loss","kind":"scalar","values":2,"last":1,
                            "lowest":0.5,"highest":1.0,"mean":0.75}]})"));
}

TEST(Metrics, WithoutAnyTheEventSaysNothing) {
  json event = json::object();
  Metrics(true).tell(event);
  EXPECT_TRUE(event.empty());
}

TEST(Metrics, WhatNoProcessOfOursWritesIsLeftOutAndCounted) {
  Metrics metrics(false);
  std::string deep = R"({"kind":"list","name":"deep","value":)" + std::string(30'000, '[') +
                     std::string(30'000, ']') + "}\n";
  for (const std::string& line :
       {std::string("words\n"), std::string("{}\n"), std::string("[1]\n"),
        std::string("{\"kind\":\"scalar\"}\n"), scalar("a", "NaN"),
        std::string(R"({"kind":"odd","name":"a","value":1})") + "\n",
        std::string(R"({"kind":"scalar","name":"a","value":1)"), scalar("\xc3\xa4", "1"),
        scalar("a\x1b[2J", "1"), std::string("{\"dropped\":-1}\n"),
        scalar("long", "\"" + std::string(70'000, 'x') + "\"")}) {
    EXPECT_EQ(metrics.take(agent(), chunk(line)), "") << line.substr(0, 80);
  }
  EXPECT_EQ(metrics.broken(), 11U);
  // What a script writes into it by hand may be nested as deep as it likes.
  EXPECT_NE(metrics.take(agent(), chunk(std::move(deep))), "");
  json event;
  metrics.tell(event);
  EXPECT_EQ(event["metrics"]["shown"][0]["last"], "1 values");
}

TEST(Metrics, TheSummaryIsBounded) {
  Metrics metrics(true);
  for (std::size_t i = 0; i < Metrics::kNamesKept + 5; ++i)
    metrics.take(agent(), chunk(scalar("name" + std::to_string(i) + std::string(500, 'n'),
                                       "\"v" + std::string(500, 'v') + "\"")));
  EXPECT_NE(metrics.take(agent(), chunk("{\"dropped\":3}\n")), "");
  json event;
  metrics.tell(event);
  const json& told = event["metrics"];
  EXPECT_EQ(told["values"], Metrics::kNamesKept + 5);
  EXPECT_EQ(told["names"], Metrics::kNamesKept);
  EXPECT_EQ(told["ofFurtherNames"], 5);
  EXPECT_EQ(told["dropped"], 3);
  EXPECT_EQ(told["continued"], true);
  EXPECT_EQ(told["shown"].size(), Metrics::kNamesShown);
  EXPECT_LT(told.dump().size(), Metrics::kNamesShown * (2 * Metrics::kLongestShown + 100));
}

TEST(Metrics, RowsAndTablesAreShownInShort) {
  Metrics metrics(false);
  metrics.take(agent(), chunk(R"({"kind":"row","name":"r","value":{"a":1,"b":"x","c":[1,2],"d":{"e":1}}})"
                              "\n"
                              R"({"kind":"list","name":"r","value":[1,2,3]})"
                              "\n"));
  json event;
  metrics.tell(event);
  EXPECT_EQ(event["metrics"]["shown"][0]["last"], "a=1, b=x, c=2 values, d=1 members");
  EXPECT_EQ(event["metrics"]["shown"][1]["last"], "3 values");
}

}  // namespace
}  // namespace parallelrun::orchestrator
