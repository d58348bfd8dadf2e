#include "runner/web/viewer_request.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace parallelrun::web {
namespace {

const ViewerRules kRules{{"jobs.example.org"}, {}};
using Names = std::vector<std::string>;

HttpServer::Header good() {
  HttpServer::Header header;
  header.host = "jobs.example.org";
  header.authorization = "Bearer aGVsbG8.d29y-bGQ_~+/x==";
  return header;
}

unsigned status_of(const HttpServer::Header& header, bool data = true, const ViewerRules& rules = kRules) {
  const auto refused = refusal_of(rules, header, data);
  return refused ? refused->status : 200;
}

std::string reason_of(const HttpServer::Header& header) {
  const auto refused = refusal_of(kRules, header, true);
  return refused ? refused->body : "";
}

TEST(BearerToken, IsWhatFollowsTheScheme) {
  EXPECT_EQ(bearer_token("Bearer abc.DEF-1_~+/=="), "abc.DEF-1_~+/==");
  EXPECT_EQ(bearer_token("bearer abc"), "abc");
  EXPECT_EQ(bearer_token("BEARER a"), "a");
}

TEST(BearerToken, NothingElseReachesTheApiServer) {
  const std::string long_one(std::size_t{24} << 10U, 'x');
  EXPECT_EQ(bearer_token("Bearer " + long_one), long_one);
  EXPECT_EQ(bearer_token("Bearer " + long_one + "x"), "");
  for (const char* text :
       {"", "Bearer", "Bearer ", "abc", "Basic abc", "Bearer a b", "Bearer a\r\nX: y", "Bearer a,b",
        "Bearer =", "Bearer a=b", "Bearer  a", "Bearer a\x80", "Bearer\tabc"})
    EXPECT_EQ(bearer_token(text), "") << text;
}

TEST(ViewerRequest, AGoodOneIsLetPassAndSaysWhoAsks) {
  HttpServer::Header header = good();
  EXPECT_EQ(status_of(header), 200U);
  EXPECT_EQ(claim_of(kRules, header).name_spaces, Names());
  EXPECT_EQ(claim_of({{}, {"team", "a", "team"}}, header).name_spaces, Names({"a", "team"}));
  header.others[kNamespaceField] = "other";
  EXPECT_EQ(claim_of({{}, {"team"}}, header).name_spaces, Names({"other"}));
  header.others[kNamespaceField] = "red, blue,red";
  EXPECT_EQ(claim_of(kRules, header).name_spaces, Names({"blue", "red"}));
  EXPECT_EQ(claim_of(kRules, header).token, "aGVsbG8.d29y-bGQ_~+/x==");
}

TEST(ViewerRequest, NamesThatThePageIsNotKnownByAreRefusedForFilesToo) {
  HttpServer::Header header = good();
  for (const char* host : {"jobs.example.org", "jobs.example.org:8443", "localhost:1234", "127.0.0.1:1",
                           "127.0.0.1", "[::1]:8080"}) {
    header.host = host;
    EXPECT_EQ(status_of(header), 200U) << host;
  }
  for (const char* host : {"", "evil.example", "jobs.example.org.evil", "xjobs.example.org", "10.0.0.7:8443",
                           "localhost.evil", "[::2]:1", "["}) {
    header.host = host;
    EXPECT_EQ(status_of(header), 403U) << host;
    EXPECT_EQ(status_of(header, false), 403U) << host;
  }
}

TEST(ViewerRequest, OtherWebPagesAreRefused) {
  HttpServer::Header header = good();
  for (const char* origin : {"https://jobs.example.org", "http://jobs.example.org"}) {
    header.others[kOrigin] = origin;
    EXPECT_EQ(status_of(header), 200U) << origin;
  }
  for (const char* origin : {"https://evil.example", "null", "https://jobs.example.org:444",
                             "https://jobs.example.org.evil", "jobs.example.org"}) {
    header.others[kOrigin] = origin;
    EXPECT_EQ(status_of(header), 403U) << origin;
    EXPECT_EQ(status_of(header, false), 200U) << "a link to the page may be anywhere";
  }
  header.others.erase(kOrigin);
  for (const auto& [site, status] :
       {std::pair("same-origin", 200U), std::pair("none", 200U), std::pair("cross-site", 403U),
        std::pair("same-site", 403U), std::pair("x", 403U)}) {
    header.others[kFetchSite] = site;
    EXPECT_EQ(status_of(header), status) << site;
  }
}

TEST(ViewerRequest, WithoutATokenThereIsTheFormAndNoData) {
  HttpServer::Header header = good();
  for (const char* text : {"", "Basic x", "Bearer ", "Bearer a b"}) {
    header.authorization = text;
    EXPECT_EQ(status_of(header), 401U) << text;
    EXPECT_NE(reason_of(header).find("\"SignIn\""), std::string::npos);
    EXPECT_EQ(status_of(header, false), 200U) << text;
  }
}

TEST(ViewerRequest, ANamespaceIsANameAndIsNotRepeatedAsItCame) {
  HttpServer::Header header = good();
  for (const std::string& name :
       {std::string("Team"), std::string("-a"), std::string("a-"), std::string("a/b"), std::string("a?b"),
        std::string(64, 'a'), std::string("a\x1b")}) {
    header.others[kNamespaceField] = name;
    EXPECT_EQ(status_of(header), 400U) << name;
    EXPECT_EQ(reason_of(header).find('\x1b'), std::string::npos);
  }
  header.others[kNamespaceField] = std::string(63, 'a');
  EXPECT_EQ(status_of(header), 200U);
  for (const char* names : {",", "a,,b", "a b", "a;b", "a,B"}) {
    header.others[kNamespaceField] = names;
    EXPECT_EQ(status_of(header), 400U) << names;
  }
  std::string many = "n0";
  for (int i = 1; i < 16; ++i) many += ",n" + std::to_string(i);
  header.others[kNamespaceField] = many;
  EXPECT_EQ(status_of(header), 200U);
  header.others[kNamespaceField] = many + ",one";
  EXPECT_EQ(status_of(header), 400U);
}

}  // namespace
}  // namespace parallelrun::web
