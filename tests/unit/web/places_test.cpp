#include "runner/web/places.h"

#include <gtest/gtest.h>

#include <vector>

namespace parallelrun::web {
namespace {

using Kind = Places::Kind;

TEST(PlacesTest, OneViewerTakesNoMoreThanHisOwn) {
  const auto places = std::make_shared<Places>();
  const std::size_t each = Places::bound(Kind::kFollowedLogs).each;
  std::vector<Places::Place> taken;
  for (std::size_t i = 0; i < each; ++i) taken.push_back(places->take(Kind::kFollowedLogs, "one").value());
  const auto more = places->take(Kind::kFollowedLogs, "one");
  ASSERT_FALSE(more);
  EXPECT_NE(more.error().message.find("4 logs of the cluster are followed, which is the most for one viewer"),
            std::string::npos);
  EXPECT_TRUE(places->take(Kind::kFollowedLogs, "two"));
  EXPECT_TRUE(places->take(Kind::kPages, "one")) << "each kind has a bound of its own";
  taken.pop_back();
  EXPECT_TRUE(places->take(Kind::kFollowedLogs, "one"));
  EXPECT_EQ(places->taken(Kind::kFollowedLogs), each - 1);
}

TEST(PlacesTest, AllTogetherTakeNoMoreThanThereAre) {
  const auto places = std::make_shared<Places>();
  const Places::Bound bound = Places::bound(Kind::kNamespaces);
  std::vector<Places::Place> taken;
  for (std::size_t i = 0; i < bound.in_total; ++i)
    taken.push_back(places->take(Kind::kNamespaces, std::to_string(i / bound.each)).value());
  const auto more = places->take(Kind::kNamespaces, "a stranger");
  ASSERT_FALSE(more);
  EXPECT_NE(more.error().message.find("200 namespaces are watched for all viewers together"),
            std::string::npos);
  taken.clear();
  EXPECT_EQ(places->taken(Kind::kNamespaces), 0U);
  EXPECT_TRUE(places->take(Kind::kNamespaces, "a stranger", bound.each));
  EXPECT_FALSE(places->take(Kind::kNamespaces, "a stranger", bound.each + 1));
}

TEST(PlacesTest, APlaceThatIsMovedIsGivenBackOnce) {
  const auto places = std::make_shared<Places>();
  {
    Places::Place first = places->take(Kind::kPages, "one").value();
    Places::Place second = std::move(first);
    first = Places::Place();
    EXPECT_EQ(places->taken(Kind::kPages), 1U);
    second = places->take(Kind::kPages, "one").value();
    EXPECT_EQ(places->taken(Kind::kPages), 1U);
  }
  EXPECT_EQ(places->taken(Kind::kPages), 0U);
}

}  // namespace
}  // namespace parallelrun::web
