#include "common/kube/api_error.h"

#include <gtest/gtest.h>

namespace parallelrun::kube {
namespace {

using namespace std::chrono_literals;

struct Case {
  int status;
  const char* body;
  ApiFailure failure;
  bool transient;
};

class ApiErrorTest : public ::testing::TestWithParam<Case> {};

TEST_P(ApiErrorTest, IsToldApart) {
  const ApiError error = api_error(GetParam().status, GetParam().body, "");
  EXPECT_EQ(error.failure, GetParam().failure);
  EXPECT_EQ(error.transient(), GetParam().transient);
  EXPECT_FALSE(error.message.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Statuses, ApiErrorTest,
    ::testing::Values(
        Case{404, R"({"kind":"Status","reason":"NotFound"})", ApiFailure::kNotFound, false},
        Case{409, R"({"kind":"Status","reason":"AlreadyExists"})", ApiFailure::kAlreadyExists, false},
        Case{409, R"({"kind":"Status","reason":"Conflict"})", ApiFailure::kConflict, false},
        Case{410, "", ApiFailure::kGone, false}, Case{422, "{}", ApiFailure::kInvalid, false},
        Case{429, "[1]", ApiFailure::kTooManyRequests, true},
        Case{401, "Unauthorized", ApiFailure::kUnauthorized, true},
        Case{403, R"({"kind":"Status","message":4,"reason":{}})", ApiFailure::kForbidden, false},
        Case{500, "<html>", ApiFailure::kServer, true}, Case{599, "", ApiFailure::kServer, true},
        Case{413, "", ApiFailure::kInvalid, false},
        Case{500, R"({"kind":"Status","message":"etcdserver: request is too large"})", ApiFailure::kInvalid,
             false},
        Case{500, R"({"kind":"Status","message":"etcdserver: request timed out"})", ApiFailure::kServer,
             true},
        Case{600, "", ApiFailure::kOther, false}, Case{302, "", ApiFailure::kOther, false},
        Case{504, R"({"kind":"Status","details":{"causes":[{"reason":"ResourceVersionTooLarge"}]}})",
             ApiFailure::kVersionTooLarge, false},
        Case{504, R"({"kind":"Status","details":{"causes":[7,{"reason":null}]}})", ApiFailure::kServer,
             true}));

TEST(ApiError, RetryAfterIsReadFromTheHeaderThenTheStatus) {
  const char* status = R"({"kind":"Status","details":{"retryAfterSeconds":3}})";
  EXPECT_EQ(api_error(429, status, "2").retry_after, 2s);
  EXPECT_EQ(api_error(429, status, "").retry_after, 3s);
  EXPECT_EQ(api_error(429, status, "Wed, 21 Oct 2015 07:28:00 GMT").retry_after, 3s);
  EXPECT_EQ(api_error(429, "", "").retry_after, std::nullopt);
  EXPECT_EQ(api_error(429, "", "-1").retry_after, std::nullopt);
  EXPECT_EQ(api_error(429, "", "99999999999").retry_after, 1h);
}

TEST(ApiError, QuotesOnlyPartOfAStrangeAnswer) {
  EXPECT_LT(api_error(502, std::string(1'000'000, 'x'), "").message.size(), 400U);
}

}  // namespace
}  // namespace parallelrun::kube
