#include "runner/web/visit_book.h"

#include <gtest/gtest.h>

namespace parallelrun::web {
namespace {

using namespace std::chrono_literals;
using Keys = std::vector<std::string>;

const VisitBook::Time kStart{1000s};
const auto kOpen = [](const std::string&) { return true; };
const auto kShut = [](const std::string&) { return false; };

TEST(VisitBook, AProofIsGoodForAMoment) {
  VisitBook book(2);
  EXPECT_FALSE(book.may_enter("a", kStart));
  EXPECT_TRUE(book.accept("a", kStart));
  EXPECT_TRUE(book.may_enter("a", kStart + VisitBook::kProofGood - 1ns));
  EXPECT_FALSE(book.may_enter("a", kStart + VisitBook::kProofGood));
  EXPECT_FALSE(book.may_enter("b", kStart)) << "of nobody else";
  EXPECT_TRUE(book.accept("a", kStart + 10s));
  EXPECT_TRUE(book.proved("a", kStart + 14s));
  book.forget("a");
  EXPECT_FALSE(book.proved("a", kStart + 14s));
}

TEST(VisitBook, MoreThanMayBeHereAreNotTaken) {
  VisitBook book(2);
  EXPECT_TRUE(book.accept("a", kStart));
  EXPECT_TRUE(book.accept("b", kStart));
  EXPECT_FALSE(book.accept("c", kStart));
  EXPECT_FALSE(book.proved("c", kStart));
  EXPECT_TRUE(book.accept("a", kStart + 1s)) << "who is here stays";
  book.forget("b");
  EXPECT_TRUE(book.accept("c", kStart));
}

TEST(VisitBook, WhoseJobsAreOpenProvesHimselfAgainAndAgain) {
  VisitBook book(2);
  book.accept("a", kStart);
  EXPECT_TRUE(book.due(kStart + VisitBook::kProofAgain - 1ns, kOpen).prove.empty());
  EXPECT_EQ(book.due(kStart + VisitBook::kProofAgain, kOpen).prove, Keys{"a"});
  EXPECT_TRUE(book.due(kStart + VisitBook::kProofAgain, kShut).prove.empty()) << "nobody looks";
  EXPECT_LT(VisitBook::kProofAgain, VisitBook::kProofGood) << "a page that is open stays live";
}

TEST(VisitBook, WithoutAProofForTooLongItEndsAlsoWithAPageOpen) {
  VisitBook book(2);
  book.accept("a", kStart);
  EXPECT_TRUE(book.due(kStart + VisitBook::kWithoutProof - 1ns, kOpen).end.empty());
  const auto due = book.due(kStart + VisitBook::kWithoutProof, kOpen);
  EXPECT_EQ(due.end, Keys{"a"});
  EXPECT_TRUE(due.prove.empty());
}

TEST(VisitBook, WhoIsGoneIsForgotten) {
  VisitBook book(2);
  book.accept("a", kStart);
  book.may_enter("a", kStart + 50s);
  EXPECT_TRUE(book.due(kStart + 50s + VisitBook::kIdle - 1ns, kShut).end.empty());
  EXPECT_EQ(book.due(kStart + 50s + VisitBook::kIdle, kShut).end, Keys{"a"});
}

}  // namespace
}  // namespace parallelrun::web
