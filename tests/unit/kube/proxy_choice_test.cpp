#include "common/kube/proxy_choice.h"

#include <gtest/gtest.h>

#include <map>

namespace parallelrun::kube {
namespace {

using Variables = std::map<std::string, std::string>;

Result<std::string> choice(const std::string& server, const Variables& variables) {
  const auto environment = [&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
  const auto url = parse_url(server);
  if (!url) return Error{ErrorCode::kInvalidArgument, "not a URL", false};
  return proxy_from_environment(*url, environment);
}

TEST(Url, Parts) {
  const auto url = parse_url("HTTPS://me:p%40ss@Host.example:8443/clusters/a");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->user, "me");
  EXPECT_EQ(url->password, "p@ss");
  EXPECT_EQ(url->host, "host.example");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->path, "/clusters/a");
  EXPECT_EQ(url->text(), "https://host.example:8443/clusters/a");
  EXPECT_EQ(parse_url("https://host")->text(), "https://host:443");
  EXPECT_EQ(parse_url("http://host:/")->text(), "http://host:80/");
  EXPECT_EQ(parse_url("https://[FD00::1]:6443")->text(), "https://[fd00::1]:6443");
}

TEST(Url, WhatIsNone) {
  for (const char* text :
       {"", "host", "host:443", "://host", "https://", "https://:443", "https://host:0", "https://host:65536",
        "https://host:x", "https://[::1", "https://[host]", "https://[::1]x", "https://a b",
        "https://host/?q", "https://host/#f", "https://a%2@host"}) {
    EXPECT_FALSE(parse_url(text)) << text;
  }
}

TEST(Url, ControlBytesAreRefusedAnywhere) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {"https://ho\0st"sv, "https://host\0.other"sv, "ht\x01tp://host"sv, "https://u\ns@host"sv,
        "https://host/\tpath"sv, "https://host/\x7f"sv}) {
    EXPECT_FALSE(parse_url(text)) << text;
  }
  EXPECT_TRUE(parse_url("https://host/\xC3\xA9"));
}

TEST(ProxyChoice, TheVariableOfTheScheme) {
  const Variables both{{"HTTPS_PROXY", "http://secure:1"}, {"http_proxy", "plain:2"}};
  EXPECT_EQ(*choice("https://api.example", both), "http://secure:1");
  EXPECT_EQ(*choice("http://api.example", both), "http://plain:2");
  EXPECT_EQ(*choice("https://api.example", {{"https_proxy", "http://small:1"}}), "http://small:1");
  EXPECT_EQ(*choice("https://api.example", {}), "");
  EXPECT_EQ(*choice("https://api.example", {{"HTTPS_PROXY", ""}}), "");
}

TEST(ProxyChoice, LocalhostIsReachedDirectly) {
  for (const char* server :
       {"https://localhost:6443", "https://127.0.0.1:6443", "https://127.9.9.9", "https://[::1]:6443"}) {
    EXPECT_EQ(*choice(server, {{"HTTPS_PROXY", "http://p:1"}}), "") << server;
  }
}

TEST(ProxyChoice, Exemptions) {
  const struct {
    const char* no_proxy;
    const char* server;
    bool direct;
  } cases[] = {
      {"*", "https://api.example", true},
      {"api.example", "https://api.example", true},
      {"API.Example", "https://api.example", true},
      {"example", "https://api.example", true},
      {".example", "https://api.example", true},
      {"*.example", "https://api.example", true},
      {".api.example", "https://api.example", false},
      {"pi.example", "https://api.example", false},
      {"other, api.example ,more", "https://api.example", true},
      {"api.example:443", "https://api.example", true},
      {"api.example:6443", "https://api.example", false},
      {"api.example:6443", "https://api.example:6443", true},
      {"10.0.0.0/8", "https://10.96.0.1", true},
      {"10.0.0.0/8", "https://11.96.0.1", false},
      {"10.96.0.0/15", "https://10.97.255.255", true},
      {"10.96.0.0/15", "https://10.98.0.0", false},
      {"10.96.0.0/33", "https://10.96.0.0", false},
      {"0.0.0.0/0", "https://10.96.0.0", true},
      {"0.0.0.0/0", "https://api.example", false},
      {"10.96.0.1", "https://10.96.0.1:6443", true},
      {"10.96.0.1:6443", "https://10.96.0.1:6443", true},
      {"10.96.0.1:443", "https://10.96.0.1:6443", false},
      {"fd00::/16", "https://[fd00::1]", true},
      {"[fd00::1]:443", "https://[fd00::1]", true},
      {"fd00::1", "https://[fd00::1]", true},
      {"96.0.1", "https://10.96.0.1", false},
      {"", "https://api.example", false},
  };
  for (const auto& entry : cases) {
    const auto proxy = choice(entry.server, {{"HTTPS_PROXY", "http://p:1"}, {"NO_PROXY", entry.no_proxy}});
    ASSERT_TRUE(proxy.ok());
    EXPECT_EQ(proxy->empty(), entry.direct) << entry.no_proxy << " " << entry.server;
  }
}

TEST(ProxyChoice, WhatCannotBeUsedIsRefusedWithoutItsPassword) {
  const auto socks = choice("https://api.example", {{"HTTPS_PROXY", "socks5://me:secret@p:1"}});
  ASSERT_FALSE(socks.ok());
  EXPECT_EQ(socks.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(socks.error().message.find("HTTPS_PROXY: socks5:// proxies are not supported"), 0U)
      << socks.error().message;
  EXPECT_EQ(socks.error().message.find("secret"), std::string::npos);
  const auto odd = choice("https://api.example", {{"HTTPS_PROXY", "http://me:secret@:1"}});
  ASSERT_FALSE(odd.ok());
  EXPECT_EQ(odd.error().message.find("secret"), std::string::npos);
  EXPECT_FALSE(choice("https://api.example", {{"HTTPS_PROXY", "http://[::1]:1"}}).ok());
}

}  // namespace
}  // namespace parallelrun::kube
