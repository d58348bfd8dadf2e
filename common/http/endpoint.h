// Where a server listens: `unix:/run/job/socket`, `127.0.0.1:7000`, `[::1]:7000`, `host.name:7000`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/result/result.h"

namespace parallelrun {

struct Endpoint {
  enum class Kind { kUnix, kTcp };
  Kind kind = Kind::kUnix;
  std::string path;        // kUnix: absolute, at most 107 bytes (a limit of the system)
  std::string host;        // kTcp: a name or an address; an IPv6 address without brackets
  std::uint16_t port = 0;  // kTcp: 0 lets a server take a free one

  bool operator==(const Endpoint&) const = default;
};

// Errors: kInvalidArgument naming the text and the rule.
Result<Endpoint> parse_endpoint(std::string_view text);
// The form that parse_endpoint reads.
std::string to_string(const Endpoint& endpoint);

// PEM files of mutual TLS. All three are given, or none: then TCP is spoken in the clear. A server for
// clients without certificates has no CA (HttpServer::Options::tls_for_strangers).
struct TlsFiles {
  std::string ca;           // who signs the certificates of both sides; no other authority is trusted
  std::string certificate;  // ours, with its chain
  std::string key;          // ours; readable by us alone

  bool any() const { return !ca.empty() || !certificate.empty() || !key.empty(); }
  bool complete() const { return !ca.empty() && !certificate.empty() && !key.empty(); }
};

}  // namespace parallelrun
