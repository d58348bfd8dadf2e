// The parts of an http or https URL that say where to connect.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parallelrun::kube {

struct Url {
  std::string scheme;  // lower case
  std::string user;    // percent-decoded, as is the password; empty: none
  std::string password;
  std::string host;  // lower case, an IPv6 address without its brackets
  std::optional<std::uint16_t> port;
  std::string path;  // with the leading '/', or empty

  bool ipv6() const { return host.find(':') != std::string::npos; }
  std::uint16_t port_or_default() const;  // 443 for https, else 80
  // scheme://host:port/path, always with the port and never with user and password.
  std::string text() const;
};

// Nothing where `text` is not SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/PATH]; queries and fragments are
// refused.
std::optional<Url> parse_url(std::string_view text);

}  // namespace parallelrun::kube
