#include "runner/orchestrator/lease_book.h"

#include <gtest/gtest.h>

#include <vector>

namespace parallelrun::orchestrator {
namespace {

constexpr std::uint64_t kHere = 1;
constexpr std::uint64_t kElsewhere = 2;

class LeaseBookTest : public testing::Test {
 protected:
  LeaseBook::Entry& leased(std::uint64_t id, std::uint64_t session) {
    MiniBatch mini_batch;
    mini_batch.id = MiniBatchId{id};
    LeaseBook::Entry& entry = book.add(std::move(mini_batch), 0);
    book.lease(entry, ++attempt, session);
    return entry;
  }
  std::vector<std::uint64_t> all_that_wait(std::uint64_t session) {
    std::vector<std::uint64_t> found;
    while (LeaseBook::Entry* entry = book.next_waiting(session)) {
      found.push_back(entry->mini_batch.id.value);
      book.lease(*entry, ++attempt, session);
    }
    return found;
  }

  LeaseBook book;
  std::uint64_t attempt = 0;
};

TEST_F(LeaseBookTest, WhatIsHandedBackGoesFirstAndInItsOrder) {
  for (const std::uint64_t id : {3, 4, 5, 6, 7, 8}) leased(id, kHere);
  book.release(*book.find(MiniBatchId{8}), false);
  for (const std::uint64_t id : {5, 7, 4, 6, 3}) book.release(*book.find(MiniBatchId{id}), true);
  EXPECT_EQ(all_that_wait(kElsewhere), (std::vector<std::uint64_t>{3, 4, 5, 6, 7, 8}));
}

TEST_F(LeaseBookTest, OneThatIsHandedBackTwiceIsLeasedOnce) {
  LeaseBook::Entry& entry = leased(3, kHere);
  for (int i = 0; i < 2; ++i) {
    book.release(entry, true);
    book.lease(entry, ++attempt, kHere);
  }
  book.release(entry, true);
  EXPECT_EQ(all_that_wait(kElsewhere), std::vector<std::uint64_t>{3});
}

TEST_F(LeaseBookTest, OneThatFailedElsewhereIsPreferredInBothQueues) {
  for (const std::uint64_t id : {1, 2, 3}) leased(id, kHere).failed_on = kHere;
  book.find(MiniBatchId{3})->failed_on = kElsewhere;
  book.release(*book.find(MiniBatchId{1}), true);
  for (const std::uint64_t id : {2, 3}) book.release(*book.find(MiniBatchId{id}), false);
  EXPECT_EQ(all_that_wait(kHere), (std::vector<std::uint64_t>{3, 1, 2}));
}

}  // namespace
}  // namespace parallelrun::orchestrator
