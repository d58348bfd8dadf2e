#include "runner/agent/secret_texts.h"

#include <algorithm>

namespace parallelrun::agent {

void SecretTexts::add_one(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  if (text.size() < kShortest || std::find(texts_.begin(), texts_.end(), text) != texts_.end()) return;
  const auto shorter = std::find_if(texts_.begin(), texts_.end(),
                                    [&](const std::string& known) { return known.size() < text.size(); });
  texts_.insert(shorter, std::string(text));
}

void SecretTexts::add(std::string_view value) {
  constexpr std::string_view kSpaces = " \t\r\n,";
  add_one(value);
  while (!value.empty()) {
    const std::size_t begin = std::min(value.find_first_not_of(kSpaces), value.size());
    const std::size_t end = std::min(value.find_first_of(kSpaces, begin), value.size());
    std::string_view word = value.substr(begin, end - begin);
    value.remove_prefix(end);
    add_one(word);
    const std::size_t sign = word.find("://");
    if (sign == std::string_view::npos) continue;
    word.remove_prefix(sign + 3);
    const std::size_t slash = std::min(word.find('/'), word.size());
    // "/simple", "/simple/": what every index has.
    std::string_view path = word.substr(slash);
    while (path.ends_with('/')) path.remove_suffix(1);
    if (path != "/simple") add_one(path);
    const std::string_view authority = word.substr(0, slash);
    const std::size_t at = authority.rfind('@');
    if (at == std::string_view::npos) continue;
    const std::string_view user = authority.substr(0, at);
    const std::size_t colon = std::min(user.find(':'), user.size());
    add_one(user.substr(0, colon));
    if (colon < user.size()) add_one(user.substr(colon + 1));
  }
}

std::string SecretTexts::without(std::string text) const {
  for (const std::string& secret : texts_) {
    for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3))
      text.replace(at, secret.size(), "***");
  }
  return text;
}

}  // namespace parallelrun::agent
