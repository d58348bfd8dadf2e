#include "common/http/endpoint.h"

#include <gtest/gtest.h>

namespace parallelrun {
namespace {

TEST(Endpoint, FormsThatAreReadPrintTheSame) {
  for (const char* text : {"unix:/run/job/socket", "127.0.0.1:7000", "[::1]:7000", "[fe80::1%eth0]:1",
                           "orchestrator-0.job:0", "host_name:65535"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_TRUE(endpoint.ok()) << text << ": " << endpoint.error().message;
    EXPECT_EQ(to_string(endpoint.value()), text);
  }
  EXPECT_EQ(parse_endpoint("[::1]:7000").value().host, "::1");
  EXPECT_EQ(parse_endpoint("[::1]:7000").value().port, 7000);
}

TEST(Endpoint, OthersAreRefusedWithTheRule) {
  const std::string long_path = "unix:/" + std::string(107, 'a');
  const struct {
    std::string text;
    const char* rule;
  } cases[] = {
      {"", "port is missing"},
      {"unix:", "absolute"},
      {"unix:relative", "absolute"},
      {"unix:/folder/", "name a file"},
      {long_path, "107 bytes, but this one has 108"},
      {"localhost", "port is missing"},
      {":80", "host is missing"},
      {"host:", "0 to 65535"},
      {"host:65536", "0 to 65535"},
      {"host:-1", "0 to 65535"},
      {"host:80x", "0 to 65535"},
      {"::1:80", "character"},
      {"[host]:80", "brackets"},
      {"user@host:80", "character"},
      {"http://host:80", "character"},
  };
  for (const auto& c : cases) {
    const auto endpoint = parse_endpoint(c.text);
    ASSERT_FALSE(endpoint.ok()) << c.text;
    EXPECT_NE(endpoint.error().message.find(c.rule), std::string::npos) << endpoint.error().message;
  }
  EXPECT_TRUE(parse_endpoint("unix:/" + std::string(106, 'a')).ok());
}

}  // namespace
}  // namespace parallelrun
