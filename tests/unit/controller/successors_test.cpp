#include "operator/controller/successors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallelrun::op {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

json after(const char* earlier) { return {{"spec", {{"resubmissionOf", earlier}}}}; }

std::vector<std::string> waiting(const Successors& all, const std::string& name_space,
                                 const std::string& earlier) {
  std::vector<std::string> names;
  for (const kube::ObjectKey& job : all.of({name_space, earlier})) {
    EXPECT_EQ(job.name_space, name_space);
    names.push_back(job.name);
  }
  return names;
}

TEST(Successors, KnowsWhoWaitsForWhom) {
  Successors all;
  const json one = after("first");
  all.job_changed({"team", "one"}, &one);
  all.job_changed({"team", "two"}, &one);
  all.job_changed({"other", "three"}, &one);
  EXPECT_THAT(waiting(all, "team", "first"), ElementsAre("one", "two"));
  EXPECT_THAT(waiting(all, "other", "first"), ElementsAre("three"));
  EXPECT_THAT(waiting(all, "team", "one"), IsEmpty());

  const json moved = after("second");
  all.job_changed({"team", "one"}, &moved);
  EXPECT_THAT(waiting(all, "team", "first"), ElementsAre("two"));
  EXPECT_THAT(waiting(all, "team", "second"), ElementsAre("one"));
  all.job_changed({"team", "two"}, nullptr);
  EXPECT_THAT(waiting(all, "team", "first"), IsEmpty());
}

TEST(Successors, WhoHasStartedOrEndedWaitsForNobody) {
  Successors all;
  json one = after("first");
  all.job_changed({"team", "one"}, &one);
  one["status"]["startTime"] = "2026-01-01T00:00:00Z";
  all.job_changed({"team", "one"}, &one);
  EXPECT_THAT(waiting(all, "team", "first"), IsEmpty());
  json failed = after("first");
  failed["status"]["state"] = "Failed";
  all.job_changed({"team", "two"}, &failed);
  EXPECT_THAT(waiting(all, "team", "first"), IsEmpty());
}

}  // namespace
}  // namespace parallelrun::op
