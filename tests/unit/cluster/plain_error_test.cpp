#include "runner/cluster/plain_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallelrun::cluster {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Error of(int status, const std::string& body, const Deed& deed = {"list", kJobsInWords, "team", ""}) {
  return plain_error(kube::api_error(status, body, ""), deed, "https://api:6443");
}

TEST(PlainError, NoRightNamesTheVerbTheResourceAndHowToCheckIt) {
  const Error error =
      of(403, R"({"kind":"Status","reason":"Forbidden","message":"x is forbidden: User \"bob\" )"
              R"(cannot list resource \"x\" in API group \"\" in the namespace \"team\""})");
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("no right to list parallelrunjobs.parallelrun.dev in the namespace 'team'"),
                    HasSubstr("`kubectl auth can-i list parallelrunjobs.parallelrun.dev -n team`"),
                    HasSubstr("User \"bob\"")));
}

TEST(PlainError, ARefusalOfAQuotaIsNoLackOfRights) {
  const Error error = of(403, R"({"kind":"Status","reason":"Forbidden","message":"exceeded quota: pods"})",
                         {"create", "pods", "team", "a-look-1"});
  EXPECT_THAT(error.message, AllOf(HasSubstr("refuses to create pods 'a-look-1'"),
                                   HasSubstr("exceeded quota"), Not(HasSubstr("no right"))));
}

TEST(PlainError, AClusterWithoutOurResourceIsTold) {
  const Error error = of(404, "404 page not found\n");
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_THAT(error.message, AllOf(HasSubstr("has no ParallelRunJobs"), HasSubstr("Helm chart")));
}

TEST(PlainError, AMissingObjectIsNotAMissingResource) {
  const Error error = of(404, R"({"kind":"Status","reason":"NotFound","message":"not found"})",
                         {"get", kJobsInWords, "team", "digits"});
  EXPECT_EQ(error.code, ErrorCode::kNotFound);
  EXPECT_EQ(error.message, "there is no job 'digits' in the namespace 'team'");
}

TEST(PlainError, OutagesMayPass) {
  kube::ApiError unreachable;
  unreachable.failure = kube::ApiFailure::kUnreachable;
  unreachable.message = "Connection refused\nx";
  const Error error = plain_error(unreachable, {"get", kJobsInWords, "team", "a"}, "https://api:6443");
  EXPECT_TRUE(error.retryable);
  EXPECT_THAT(error.message, AllOf(HasSubstr("https://api:6443 does not answer"), Not(HasSubstr("\n"))));
  EXPECT_TRUE(of(503, "").retryable);
  EXPECT_FALSE(of(422, "").retryable);
}

}  // namespace
}  // namespace parallelrun::cluster
