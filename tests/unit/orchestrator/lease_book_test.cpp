#include "runner/orchestrator/lease_book.h"

#include <gtest/gtest.h>

#include <vector>

namespace parallelrun::orchestrator {
namespace {

constexpr std::uint64_t kHere = 1;
constexpr std::uint64_t kElsewhere = 2;

class LeaseBookTest : public testing::Test {
 protected:
  LeaseBook::Entry& leased(std::uint64_t id, std::uint64_t session, std::uint32_t part = 0) {
    MiniBatch mini_batch;
    mini_batch.id = MiniBatchId{id};
    LeaseBook::Entry& entry = book.add(std::move(mini_batch), part, 0);
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
  book.release(*book.find({8}), false);
  for (const std::uint64_t id : {5, 7, 4, 6, 3}) book.release(*book.find({id}), true);
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
  book.find({3})->failed_on = kElsewhere;
  book.release(*book.find({1}), true);
  for (const std::uint64_t id : {2, 3}) book.release(*book.find({id}), false);
  EXPECT_EQ(all_that_wait(kHere), (std::vector<std::uint64_t>{3, 1, 2}));
}

TEST_F(LeaseBookTest, PartsOfAMiniBatchAreLeasedEachByItself) {
  for (const std::uint32_t part : {2U, 1U, 3U}) leased(5, kHere, part);
  leased(6, kHere);
  EXPECT_EQ(book.find({5}), nullptr) << "the whole is not in the book";
  for (const std::uint32_t part : {3U, 1U}) book.release(*book.find({{5}, part}), true);
  book.release(*book.find({6}), true);
  EXPECT_EQ(book.waiting(), 3U);
  EXPECT_EQ(book.held_by(kHere), 1U);
  std::vector<std::string> waited;
  while (LeaseBook::Entry* entry = book.next_waiting(kElsewhere)) {
    waited.push_back(to_string(entry->work()));
    book.lease(*entry, ++attempt, kElsewhere);
  }
  EXPECT_EQ(waited, (std::vector<std::string>{"5.1", "5.3", "6"}));
  book.erase(*book.find({{5}, 1}));
  EXPECT_EQ(book.find({{5}, 1}), nullptr);
  EXPECT_NE(book.find({{5}, 3}), nullptr);
  EXPECT_EQ(book.size(), 3U);
}

}  // namespace
}  // namespace parallelrun::orchestrator
