#include "runner/agent/install_verdict.h"

#include <algorithm>
#include <array>

namespace parallelrun::agent {
namespace {

bool contains_any(std::string_view text, const auto& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

// In the words of pip and of uv. These first: pip says "No matching distribution" of an index that it could
// not reach, too.
constexpr std::array<std::string_view, 47> kPassing = {
    "WARNING: Retrying (Retry(",
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "Read timed out",
    "Connection refused",
    "Connection reset",
    "Connection aborted",
    "Connection timed out",
    "Connection broken",
    "RemoteDisconnected",
    "IncompleteRead",
    "incomplete-download",
    "Max retries exceeded",
    "Temporary failure in name resolution",
    "Name or service not known",
    "nodename nor servname provided",
    "getaddrinfo failed",
    "Network is unreachable",
    "No route to host",
    "ProxyError",
    "SSLError",
    "too many 5",
    "500 Server Error",
    "502 Server Error",
    "503 Server Error",
    "504 Server Error",
    "HTTP error 50",
    "429 Client Error",
    "Too Many Requests",
    "No space left on device",
    "Disk quota exceeded",
    "Cannot allocate memory",
    "MemoryError",
    "Resource temporarily unavailable",
    "Input/output error",
    "Stale file handle",
    "error sending request for url",
    "dns error",
    "tcp connect error",
    "operation timed out",
    "connection closed before message completed",
    "error decoding response body",
    "HTTP status server error",
    "HTTP status client error (408",
    "HTTP status client error (429",
    "unexpected end of file",
};

constexpr std::array<std::string_view, 33> kHopeless = {
    "No matching distribution found",
    "Could not find a version that satisfies",
    "ResolutionImpossible",
    "have conflicting dependencies",
    "resolution-too-deep",
    "Invalid requirement",
    "InvalidVersion",
    "Could not open requirements file",
    "Could not open constraints file",
    "is not a valid editable requirement",
    "should either be a path to a local project",
    "is not a supported wheel on this platform",
    "is not a valid wheel filename",
    "requires a different Python",
    "Neither 'setup.py' nor 'pyproject.toml' found",
    "does not appear to be a Python project",
    "404 Client Error",
    "DO NOT MATCH THE HASHES",
    "Hashes are required in --require-hashes mode",
    "no such option",
    "[Errno 2] No such file or directory",
    "No module named pip",
    "No solution found when resolving dependencies",
    "Failed to parse: `",
    "Couldn't parse requirement",
    "Distribution not found at:",
    "error: File not found:",
    "Failed to read `--find-links` directory",
    "HTTP status client error (40",
    "Hash mismatch for",
    "In `--require-hashes` mode",
    "error: unexpected argument",
    "is not a valid wheel",
};

}  // namespace

InstallVerdict install_verdict(std::string_view output, std::string_view end) {
  if (contains_any(output, kPassing)) return InstallVerdict::kPassing;
  // Not by its own decision: for memory, as a rule.
  if (end.find("killed by") != std::string_view::npos) return InstallVerdict::kPassing;
  if (contains_any(output, kHopeless)) return InstallVerdict::kHopeless;
  return InstallVerdict::kUnknown;
}

}  // namespace parallelrun::agent
