#include "common/http/endpoint.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace parallelrun {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::size_t kLongestUnixPath = 107;  // sockaddr_un::sun_path without its final NUL
constexpr std::size_t kLongestHost = 253;

Error invalid(std::string_view text, std::string_view rule) {
  // Begun by a string: g++ 12 sees an overlap where one is put in front of a temporary, with -O3.
  std::string message = "'";
  message.append(text).append("' is not an endpoint: ").append(rule);
  message += "; use unix:/absolute/path, HOST:PORT or [IPV6]:PORT";
  return Error{ErrorCode::kInvalidArgument, std::move(message), false};
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
         c == '_';
}

bool is_address_character(char c) {
  return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

// With an optional zone: fe80::1%eth0.
bool looks_like_ipv6(std::string_view host) {
  const std::size_t percent = std::min(host.find('%'), host.size());
  const std::string_view address = host.substr(0, percent);
  const std::string_view zone = host.substr(percent);
  return address.find(':') != std::string_view::npos &&
         std::all_of(address.begin(), address.end(), is_address_character) &&
         (zone.empty() || (zone.size() > 1 && std::all_of(zone.begin() + 1, zone.end(), is_host_character)));
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
  Endpoint endpoint;
  if (text.starts_with(kUnixPrefix)) {
    const std::string_view path = text.substr(kUnixPrefix.size());
    if (path.empty() || path.front() != '/' || path.back() == '/') {
      return invalid(text, "the path of a Unix socket must be absolute and name a file");
    }
    if (path.find('\0') != std::string_view::npos) return invalid(text, "the path contains a NUL");
    if (path.size() > kLongestUnixPath) {
      return invalid(text, "the path of a Unix socket may have at most 107 bytes, but this one has " +
                               std::to_string(path.size()));
    }
    endpoint.kind = Endpoint::Kind::kUnix;
    endpoint.path = path;
    return endpoint;
  }

  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return invalid(text, "the port is missing");
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty()) return invalid(text, "the host is missing");
  if (host.size() > kLongestHost) return invalid(text, "the host has more than 253 characters");
  if (bracketed) {
    if (!looks_like_ipv6(host)) return invalid(text, "brackets are for IPv6 addresses");
  } else if (!std::all_of(host.begin(), host.end(), is_host_character)) {
    return invalid(text, "the host contains a character that is not allowed in names and IPv4 addresses");
  }
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (port.empty() || error != std::errc{} || end != port.data() + port.size() || number > 65535) {
    return invalid(text, "the port must be a number from 0 to 65535");
  }
  endpoint.kind = Endpoint::Kind::kTcp;
  endpoint.host = host;
  endpoint.port = static_cast<std::uint16_t>(number);
  return endpoint;
}

std::string to_string(const Endpoint& endpoint) {
  if (endpoint.kind == Endpoint::Kind::kUnix) return std::string(kUnixPrefix) + endpoint.path;
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

}  // namespace parallelrun
