#include "common/kube/url.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace parallelrun::kube {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const char* digits = text.data() + i + 1;
    const auto [end, problem] = std::from_chars(digits, digits + 2, value, 16);
    if (problem != std::errc() || end != digits + 2) return std::nullopt;
    result += static_cast<char>(value);
    i += 2;
  }
  return result;
}

bool read_authority(std::string_view authority, Url& url) {
  const auto at = authority.rfind('@');
  if (at != std::string_view::npos) {
    const auto user = authority.substr(0, at);
    const auto colon = user.find(':');
    const auto name = decoded(user.substr(0, colon));
    const auto password =
        decoded(colon == std::string_view::npos ? std::string_view() : user.substr(colon + 1));
    if (!name || !password) return false;
    url.user = *name;
    url.password = *password;
    authority.remove_prefix(at + 1);
  }
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return false;
    url.host = lower(authority.substr(1, close - 1));
    if (!url.ipv6()) return false;
    authority.remove_prefix(close + 1);
    if (!authority.empty() && !authority.starts_with(':')) return false;
    if (!authority.empty()) port = authority.substr(1);
  } else {
    const auto colon = authority.find(':');
    url.host = lower(authority.substr(0, colon));
    if (colon != std::string_view::npos) port = authority.substr(colon + 1);
  }
  if (url.host.empty() || url.host.find_first_of(" \t\"<>\\^`{|}%") != std::string::npos) return false;
  if (port.empty()) return true;  // "host:" means the default as well
  std::uint16_t number = 0;
  const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (problem != std::errc() || end != port.data() + port.size() || number == 0) return false;
  url.port = number;
  return true;
}

}  // namespace

std::uint16_t Url::port_or_default() const { return port.value_or(scheme == "https" ? 443 : 80); }

std::string Url::text() const {
  return scheme + "://" + (ipv6() ? "[" + host + "]" : host) + ":" + std::to_string(port_or_default()) + path;
}

std::optional<Url> parse_url(std::string_view text) {
  const auto colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  // A host with a NUL in it is another one for whoever reads C strings.
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(text, control)) return std::nullopt;
  Url url;
  url.scheme = lower(text.substr(0, colon));
  text.remove_prefix(colon + 3);
  if (text.find_first_of("?# ") != std::string_view::npos) return std::nullopt;
  const auto slash = std::min(text.find('/'), text.size());
  url.path = text.substr(slash);
  if (!read_authority(text.substr(0, slash), url)) return std::nullopt;
  return url;
}

}  // namespace parallelrun::kube
