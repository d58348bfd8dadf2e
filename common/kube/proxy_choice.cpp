#include "common/kube/proxy_choice.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace parallelrun::kube {
namespace {

struct Address {
  std::array<unsigned char, 16> bytes{};
  unsigned bits = 0;  // 32 or 128
};

std::optional<Address> address_of(const std::string& text) {
  Address address;
  if (inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) {
    address.bits = 32;
  } else if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) {
    address.bits = 128;
  } else {
    return std::nullopt;
  }
  return address;
}

bool same_prefix(const Address& a, const Address& b, unsigned bits) {
  if (a.bits != b.bits || bits > a.bits) return false;
  if (std::memcmp(a.bytes.data(), b.bytes.data(), bits / 8) != 0) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || (a.bytes[bits / 8] >> (8 - rest)) == (b.bytes[bits / 8] >> (8 - rest));
}

bool loopback(const Url& server) {
  if (server.host == "localhost" || server.host == "::1") return true;
  const auto address = address_of(server.host);
  return address && address->bits == 32 && address->bytes[0] == 127;
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool matches_name(const Url& server, std::string entry) {
  if (entry.starts_with("*.")) entry.erase(0, 1);
  const bool only_below = entry.starts_with('.');
  if (!only_below && server.host == entry) return true;
  return server.host.ends_with(only_below ? entry : "." + entry);
}

// One entry of NO_PROXY, in lower case.
bool exempts(std::string entry, const Url& server) {
  if (entry == "*") return true;
  const auto host = address_of(server.host);
  if (const auto slash = entry.find('/'); slash != std::string::npos) {
    const auto block = address_of(entry.substr(0, slash));
    const auto bits = number_of<unsigned>(std::string_view(entry).substr(slash + 1));
    return host && block && bits && same_prefix(*host, *block, *bits);
  }
  if (!address_of(entry)) {  // an IPv6 address has colons but no port
    const auto colon = entry.rfind(':');
    const bool bracketed = entry.starts_with('[');
    if (colon != std::string::npos && (!bracketed || (colon > 0 && entry[colon - 1] == ']'))) {
      const auto port = number_of<std::uint16_t>(std::string_view(entry).substr(colon + 1));
      if (!port || *port != server.port_or_default()) return false;
      entry.erase(colon);
    }
    if (bracketed && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
  }
  if (const auto address = address_of(entry)) return host && same_prefix(*host, *address, address->bits);
  return !host && !entry.empty() && matches_name(server, entry);
}

std::string first_of(const Environment& environment, const std::vector<const char*>& names,
                     std::string& found) {
  for (const char* name : names) {
    const char* value = environment(name);
    if (value != nullptr && *value != '\0') {
      found = name;
      return value;
    }
  }
  return "";
}

}  // namespace

Result<std::string> proxy_from_environment(const Url& server, const Environment& environment) {
  std::string name;
  const std::string proxy = server.scheme == "https"
                                ? first_of(environment, {"HTTPS_PROXY", "https_proxy"}, name)
                                : first_of(environment, {"HTTP_PROXY", "http_proxy"}, name);
  if (proxy.empty() || loopback(server)) return std::string();
  std::string unused;
  std::string entry;
  for (const char c : first_of(environment, {"NO_PROXY", "no_proxy"}, unused) + ",") {
    if (c == ',') {
      if (exempts(entry, server)) return std::string();
      entry.clear();
    } else if (c != ' ' && c != '\t') {
      entry += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return checked_proxy(proxy, name);
}

Result<std::string> checked_proxy(const std::string& proxy, const std::string& origin) {
  const auto url = parse_url(proxy.find("://") == std::string::npos ? "http://" + proxy : proxy);
  // The value is not quoted: it may hold a password.
  if (!url) {
    return Error{ErrorCode::kInvalidArgument, origin + ": not of the form http://[USER:PASSWORD@]HOST:PORT",
                 false};
  }
  if (url->scheme != "http") {
    return Error{ErrorCode::kUnsupported,
                 origin + ": " + url->scheme +
                     ":// proxies are not supported; name an http:// proxy (the connection through it is "
                     "still TLS), or connect directly",
                 false};
  }
  if (url->ipv6()) {
    return Error{ErrorCode::kUnsupported,
                 origin + ": name the proxy by its host name or IPv4 address, not by [" + url->host + "]",
                 false};
  }
  return proxy.find("://") == std::string::npos ? "http://" + proxy : proxy;
}

}  // namespace parallelrun::kube
