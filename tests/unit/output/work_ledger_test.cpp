#include "runner/output/work_ledger.h"

#include <gtest/gtest.h>

#include <vector>

namespace parallelrun {
namespace {

using Kind = CommitEntry::Kind;

bool add(WorkLedger& ledger, Kind kind, WorkId work, std::uint64_t items, std::uint64_t failed = 0) {
  return ledger.add({kind, work, 1, items, failed});
}

TEST(WorkLedger, WhatIsSplitIsFinishedWithItsLastPart) {
  WorkLedger ledger;
  EXPECT_TRUE(add(ledger, Kind::kTryFailed, {{0}}, 4));
  EXPECT_TRUE(add(ledger, Kind::kSplit, {{0}}, 4));
  EXPECT_FALSE(ledger.is_open({{0}}));
  EXPECT_FALSE(add(ledger, Kind::kSucceeded, {{0}}, 4)) << "a late result of the whole";
  EXPECT_FALSE(add(ledger, Kind::kSucceeded, {{0}, 4}, 1)) << "there is no such part yet";
  EXPECT_EQ(ledger.open_parts({0}), (std::vector<std::uint32_t>{2, 3}));
  EXPECT_TRUE(add(ledger, Kind::kSucceeded, {{0}, 3}, 2));
  EXPECT_FALSE(add(ledger, Kind::kSucceeded, {{0}, 3}, 2)) << "twice";
  EXPECT_TRUE(add(ledger, Kind::kSplit, {{0}, 2}, 2));
  EXPECT_TRUE(add(ledger, Kind::kSucceeded, {{0}, 4}, 1));
  EXPECT_EQ(ledger.finished(), 0U);
  EXPECT_EQ(ledger.counts().processed(), 0U);
  EXPECT_EQ(ledger.counts().items_succeeded, 3U);
  EXPECT_EQ(ledger.end(), 1U);
  EXPECT_TRUE(add(ledger, Kind::kFailed, {{0}, 5}, 1, 1));
  EXPECT_EQ(ledger.finished(), 1U);
  EXPECT_EQ(ledger.frontier(), 1U);
  EXPECT_EQ(ledger.counts().failed, 1U) << "the mini-batch, once";
  EXPECT_EQ(ledger.counts().succeeded, 0U);
  EXPECT_EQ(ledger.counts().items_failed, 1U);
  EXPECT_EQ(ledger.counts().tries_failed, 4U);
  EXPECT_TRUE(ledger.has_failed({{0}, 5}));
  EXPECT_FALSE(ledger.has_failed({{0}, 4}));
  EXPECT_FALSE(add(ledger, Kind::kSucceeded, {{0}, 5}, 1));
}

TEST(WorkLedger, AMiniBatchWhosePartsAllSucceedHasSucceeded) {
  WorkLedger ledger;
  add(ledger, Kind::kSplit, {{0}}, 4);
  add(ledger, Kind::kSucceeded, {{0}, 2}, 2, 1);
  add(ledger, Kind::kSucceeded, {{0}, 3}, 2);
  EXPECT_EQ(ledger.counts().succeeded, 1U);
  EXPECT_EQ(ledger.counts().short_ones, 1U);
  EXPECT_EQ(ledger.counts().items_failed, 1U);
  EXPECT_FALSE(ledger.any_failed());
}

TEST(WorkLedger, ANewRunTriesThePartsThatFailedAndNoOthers) {
  WorkLedger ledger;
  add(ledger, Kind::kSplit, {{0}}, 4);
  add(ledger, Kind::kSucceeded, {{0}, 2}, 2, 1);
  add(ledger, Kind::kFailed, {{0}, 3}, 2, 2);
  add(ledger, Kind::kFailed, {{1}}, 4, 4);
  add(ledger, Kind::kSplit, {{2}}, 2);
  add(ledger, Kind::kFailed, {{2}, 2}, 1, 1);  // its other half is open
  EXPECT_EQ(ledger.counts().items_failed, 8U);
  EXPECT_EQ(ledger.counts().failed, 2U);
  EXPECT_TRUE(ledger.any_failed());

  ledger.begin_run();
  EXPECT_FALSE(ledger.any_failed());
  EXPECT_EQ(ledger.finished(), 0U);
  EXPECT_EQ(ledger.counts().failed, 0U);
  EXPECT_EQ(ledger.counts().tries_failed, 0U);
  EXPECT_EQ(ledger.counts().items_failed, 1U) << "the shortfall";
  EXPECT_EQ(ledger.open_parts({0}), (std::vector<std::uint32_t>{3}));
  EXPECT_EQ(ledger.open_parts({2}), (std::vector<std::uint32_t>{2, 3}));
  EXPECT_TRUE(ledger.is_open({{1}}));

  EXPECT_TRUE(add(ledger, Kind::kSucceeded, {{0}, 3}, 2));
  EXPECT_EQ(ledger.counts().succeeded, 1U);
  EXPECT_EQ(ledger.counts().short_ones, 1U) << "the part of the run before";
  EXPECT_TRUE(ledger.open_parts({0}).empty());
}

}  // namespace
}  // namespace parallelrun
