// Lines: a URL, a proxy, NO_PROXY. A URL that is read is written and read back the same; a proxy that is
// accepted is a URL, and the choice of one is made once.
#include <cstring>
#include <map>
#include <string>

#include "common/kube/proxy_choice.h"
#include "common/kube/url.h"
#include "tests/fuzz/draw.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallelrun::kube {
namespace {

void check_url(const Url& url) {
  const std::string text = url.text();
  const auto again = parse_url(text);
  HOLDS_ELSE(text, again.has_value());
  HOLDS_ELSE(text, again->scheme == url.scheme && again->host == url.host && again->path == url.path);
  HOLDS_ELSE(text, again->port_or_default() == url.port_or_default() && again->text() == text);
  // Neither user nor password is part of the text.
  HOLDS_ELSE(text, again->user.empty() && again->password.empty());
}

FUZZ_TARGET(url_proxy) {
  fuzz::Draw draw(bytes);
  const std::string server(draw.line());
  // Variables of an environment end at a NUL.
  const std::string proxy = std::string(draw.line()).c_str();
  const std::string no_proxy = std::string(draw.line()).c_str();
  const auto url = parse_url(server);
  if (url) check_url(*url);

  const auto checked = checked_proxy(proxy, "HTTPS_PROXY");
  if (checked.ok()) {
    const auto parsed = parse_url(*checked);
    HOLDS_ELSE(*checked, parsed && parsed->scheme == "http" && !parsed->ipv6());
    const auto again = checked_proxy(*checked, "HTTPS_PROXY");
    HOLDS_ELSE(*checked, again.ok() && *again == *checked);
  } else {
    HOLDS_ELSE(checked.error().message, checked.error().message.starts_with("HTTPS_PROXY: "));
  }
  if (!url) return;
  const auto choice = [&](const std::string& exempt) {
    return proxy_from_environment(*url, [&](const char* name) -> const char* {
      if (std::strcmp(name, "NO_PROXY") == 0) return exempt.c_str();
      return std::strcmp(name, "HTTPS_PROXY") == 0 || std::strcmp(name, "HTTP_PROXY") == 0 ? proxy.c_str()
                                                                                           : nullptr;
    });
  };
  const auto chosen = choice(no_proxy);
  if (chosen.ok() && !chosen->empty()) HOLDS(checked.ok() && *chosen == *checked);
  // Exceptions only take a proxy away; the host itself and "*" always do.
  const auto without = choice("");
  if (without.ok() && without->empty()) HOLDS(chosen.ok() && chosen->empty());
  const auto all = choice("x.example, *");
  HOLDS(all.ok() && all->empty());
  if (url->host.find(',') == std::string::npos && !url->ipv6()) {
    const auto itself = choice(url->host);
    HOLDS_ELSE(url->host, itself.ok() && itself->empty());
  }
}

}  // namespace
}  // namespace parallelrun::kube
