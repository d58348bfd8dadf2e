#include "runner/pod/termination_message.h"

#include <gtest/gtest.h>

#include <string>

#include "common/spec/utf8.h"

namespace parallelrun {
namespace {

using nlohmann::json;

json finished() {
  return {{"event", "finished"},      {"state", "Failed"},      {"reason", "ErrorThresholdExceeded"},
          {"message", "too many"},    {"firstError", "E: x"},   {"itemsFailed", 11},
          {"itemsSucceeded", 89},     {"planComplete", true},   {"miniBatchSecondsTotal", 12.5},
          {"durationSeconds", 3.25},  {"logs", "/p/out/logs"},  {"firstErrors", json::array({1, 2})},
          {"output", "/p/out/x.txt"}, {"failedItems", "/p/out"}};
}

TEST(TerminationMessage, SaysWhatTheOperatorReads) {
  const json message = json::parse(termination_message(finished(), "digits"));
  EXPECT_EQ(message, (json{{"state", "Failed"},
                           {"reason", "ErrorThresholdExceeded"},
                           {"message", "too many"},
                           {"firstError", "E: x"},
                           {"itemsFailed", 11},
                           {"itemsSucceeded", 89},
                           {"planComplete", true},
                           {"miniBatchSecondsTotal", 12.5},
                           {"durationSeconds", 3.25},
                           {"logs", "digits/logs"}}));
  EXPECT_EQ(json::parse(termination_message(finished(), ""))["logs"], "logs");
  EXPECT_EQ(json::parse(termination_message(finished(), "s3://b/a"))["logs"], "s3://b/a/logs");
}

// Every length, so that the cut comes at every place of a character and of an escape.
TEST(TerminationMessage, FitsWholeAndValidWhateverIsInIt) {
  for (const std::string piece :
       {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\"", "\n", "\x01", "\xFF"}) {
    for (std::size_t extra = 0; extra < 9; ++extra) {
      json event = finished();
      std::string text(extra, 'a');
      while (text.size() < 9000) text += piece;
      event["message"] = text;
      event["firstError"] = text;
      event["notReused"] = text;
      event["runRecord"] = std::string(64, 'a');
      const std::string message = termination_message(event, "digits");
      ASSERT_LE(message.size(), 4096U);
      EXPECT_GT(message.size(), 4000U) << "more was cut than had to be";
      ASSERT_TRUE(is_utf8(message));
      const json read = json::parse(message);
      EXPECT_EQ(read["itemsFailed"], 11);
      EXPECT_EQ(read["state"], "Failed");
      EXPECT_EQ(read["runRecord"], std::string(64, 'a'));
      EXPECT_TRUE(read["message"].get<std::string>().ends_with("..."));
    }
  }
}

TEST(TerminationMessage, TheErrorIsCutBeforeTheSentence) {
  json event = finished();
  event["firstError"] = std::string(9000, 'e');
  event["message"] = std::string(2000, 'm');
  const json read = json::parse(termination_message(event, ""));
  EXPECT_EQ(read["message"].get<std::string>().size(), 2000U);
  EXPECT_GT(read["firstError"].get<std::string>().size(), 200U);
}

TEST(TerminationMessage, ExactlyAtTheLimitNothingIsCut) {
  json event = finished();
  event["message"] = "";
  const std::size_t rest = termination_message(event, "").size();
  event["message"] = std::string(4096 - rest, 'm');
  EXPECT_EQ(termination_message(event, "").size(), 4096U);
  EXPECT_EQ(json::parse(termination_message(event, ""))["message"], event["message"]);
  event["message"] = std::string(4096 - rest + 1, 'm');
  EXPECT_NE(json::parse(termination_message(event, ""))["message"], event["message"]);
}

}  // namespace
}  // namespace parallelrun
