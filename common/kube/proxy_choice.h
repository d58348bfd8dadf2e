// Which proxy, if any, leads to a server.
#pragma once

#include <functional>
#include <string>

#include "common/kube/url.h"
#include "common/result/result.h"

namespace parallelrun::kube {

// Variables of the environment; null where one is not set.
using Environment = std::function<const char*(const char*)>;

// What HTTPS_PROXY (HTTP_PROXY for an http URL) and NO_PROXY, or the same in lower case, say about `server`:
// the proxy's URL, or empty for a direct connection. NO_PROXY is a comma-separated list of host names (which
// stand for what lies below them too; with a leading dot or "*." only for that), addresses and blocks such
// as 10.0.0.0/8, each with an optional port, or "*". Localhost is never reached through a proxy.
Result<std::string> proxy_from_environment(const Url& server, const Environment& environment);

// The proxy of that URL as a transport takes it; "http://" may be left out. `origin` names in messages where
// the URL stands. kUnsupported for https and SOCKS proxies.
Result<std::string> checked_proxy(const std::string& proxy, const std::string& origin);

}  // namespace parallelrun::kube
