#include "runner/input/glob.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "common/result/try.h"

namespace parallelrun {
namespace {

constexpr std::size_t kMostComponents = 64;     // ends included
constexpr std::size_t kLongestPattern = 4096;   // of a path, too
constexpr std::uint32_t kStrayByte = 0x110000;  // first number behind Unicode

// Takes the first character off `text`. Precondition: not empty.
std::uint32_t take_character(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  std::size_t size = 1;
  std::uint32_t value = lead;
  if (lead >= 0xF0 && lead < 0xF8) {
    size = 4;
    value = lead & 0x07U;
  } else if (lead >= 0xE0) {
    size = 3;
    value = lead & 0x0FU;
  } else if (lead >= 0xC0) {
    size = 2;
    value = lead & 0x1FU;
  }
  bool whole = lead < 0x80 || (size > 1 && lead < 0xF8 && size <= text.size());
  for (std::size_t i = 1; whole && i < size; ++i) {
    whole = (byte(i) & 0xC0U) == 0x80;
    value = (value << 6U) | (byte(i) & 0x3FU);
  }
  if (!whole) {
    size = 1;
    value = kStrayByte + lead;
  }
  text.remove_prefix(size);
  return value;
}

Error invalid(std::string_view pattern, const std::string& rule) {
  return Error{ErrorCode::kInvalidArgument, "the glob '" + std::string(pattern) + "' " + rule};
}

// Behind the ']' of the set that begins at `at`, or behind the '[' where it does not end.
std::size_t behind_set(std::string_view text, std::size_t at) {
  std::size_t i = at + 1;
  if (i < text.size() && (text[i] == '!' || text[i] == '^')) ++i;
  for (bool first = true; i < text.size(); first = false) {
    if (text[i] == ']' && !first) return i + 1;
    i += text[i] == '\\' ? 2 : 1;
  }
  return at + 1;
}

// Where a pair of braces stands, and what separates its parts.
struct Braces {
  std::size_t open = 0;
  std::vector<std::size_t> commas;
  std::size_t close = 0;
};

// The first pair with a comma in it whose '{' stands at `from` or behind.
std::optional<Braces> find_braces(std::string_view text, std::size_t from) {
  std::vector<Braces> open;
  std::optional<Braces> outermost;
  for (std::size_t i = from; i < text.size();) {
    switch (text[i]) {
      case '\\':
        i += 2;
        continue;
      case '[':
        i = behind_set(text, i);
        continue;
      case '{':
        open.push_back({i, {}, 0});
        break;
      case ',':
        if (!open.empty()) open.back().commas.push_back(i);
        break;
      case '}':
        if (open.empty()) break;
        if (!open.back().commas.empty() && (!outermost || open.back().open < outermost->open)) {
          outermost = std::move(open.back());
          outermost->close = i;
        }
        open.pop_back();
        if (open.empty() && outermost) return outermost;
        break;
      default:
        break;
    }
    ++i;
  }
  return outermost;
}

// The patterns without braces that `pattern` stands for, at most `most` and one more.
std::vector<std::string> written_out(std::string_view pattern, std::size_t most) {
  std::vector<std::string> done;
  std::vector<std::string> open{std::string(pattern)};  // the next one last
  while (!open.empty() && done.size() + open.size() <= most + 1) {
    const std::string text = std::move(open.back());
    open.pop_back();
    const std::optional<Braces> braces = find_braces(text, 0);
    if (!braces) {
      done.push_back(text);
      continue;
    }
    std::vector<std::size_t> edges = braces->commas;
    edges.push_back(braces->close);
    std::vector<std::string> parts;
    std::size_t begin = braces->open + 1;
    for (const std::size_t edge : edges) {
      parts.push_back(text.substr(0, braces->open) + text.substr(begin, edge - begin) +
                      text.substr(braces->close + 1));
      begin = edge + 1;
    }
    open.insert(open.end(), std::make_move_iterator(parts.rbegin()), std::make_move_iterator(parts.rend()));
  }
  done.insert(done.end(), std::make_move_iterator(open.rbegin()), std::make_move_iterator(open.rend()));
  return done;
}

}  // namespace

Result<Glob::Component> Glob::compile_component(std::string_view text, std::string_view pattern) {
  Component component;
  component.is_prefix_and_suffix = true;
  while (!text.empty()) {
    const std::string_view before = text;
    Token token;
    std::uint32_t character = take_character(text);
    if (character == '*') {
      if (!component.tokens.empty() && component.tokens.back().kind == Token::Kind::kStar) continue;
      token.kind = Token::Kind::kStar;
      if (component.has_star) component.is_prefix_and_suffix = false;
      component.has_star = true;
    } else if (character == '?') {
      token.kind = Token::Kind::kAny;
      component.is_prefix_and_suffix = false;
    } else if (character == '[') {
      token.kind = Token::Kind::kSet;
      component.is_prefix_and_suffix = false;
      if (!text.empty() && (text.front() == '!' || text.front() == '^')) {
        token.negated = true;
        text.remove_prefix(1);
      }
      for (bool first = true;; first = false) {
        if (text.empty())
          return invalid(pattern, "has a '[' without a ']'; write '\\[' for the character itself");
        std::uint32_t low = take_character(text);
        if (low == ']' && !first) break;
        if (low == '\\' && !text.empty()) low = take_character(text);
        std::uint32_t high = low;
        if (text.size() >= 2 && text[0] == '-' && text[1] != ']') {
          text.remove_prefix(1);
          high = take_character(text);
          if (high == '\\' && !text.empty()) high = take_character(text);
        }
        token.ranges.push_back({low, high});
      }
    } else {
      std::string_view literal = before.substr(0, before.size() - text.size());
      if (character == '\\') {
        if (text.empty()) return invalid(pattern, "ends in a single '\\'");
        const std::string_view escaped = text;
        character = take_character(text);
        literal = escaped.substr(0, escaped.size() - text.size());
      }
      token.character = character;
      (component.has_star ? component.suffix : component.prefix) += literal;
    }
    component.tokens.push_back(std::move(token));
  }
  return component;
}

std::vector<std::string> Glob::alternatives(std::string_view pattern) {
  return written_out(pattern, kMostComponents);
}

Result<Glob> Glob::compile(std::string_view pattern) {
  if (pattern.size() > kLongestPattern) {
    return Error{ErrorCode::kInvalidArgument,
                 "a glob is longer than 4096 bytes, which is longer than any path"};
  }
  Glob glob;
  for (const std::string& alternative : alternatives(pattern)) {
    RETURN_IF_ERROR(glob.add(alternative, pattern));
  }
  return glob;
}

Status Glob::add(std::string_view alternative, std::string_view pattern) {
  const std::size_t first = components_.size();
  std::string_view rest = alternative;
  const auto add_any_directories = [&] {
    if (components_.size() > first && components_.back().any_directories) return;
    components_.emplace_back().any_directories = true;
  };
  while (!rest.empty()) {
    const std::size_t slash = rest.find('/');
    const std::string_view text = rest.substr(0, slash);
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    if (text.empty() || text == ".") continue;
    if (text == "..") return invalid(pattern, "leaves the input's directory through '..'");
    if (text == "**") {
      add_any_directories();
      continue;
    }
    Result<Component> component = compile_component(text, pattern);
    if (!component) return component.error();
    components_.push_back(std::move(*component));
  }
  if (alternative.ends_with('/')) add_any_directories();
  if (components_.size() == first) add_any_directories();
  if (components_.back().any_directories) {  // "everything below" is at least one component
    Result<Component> any = compile_component("*", pattern);
    if (!any) return any.error();
    components_.push_back(std::move(*any));
  }
  components_.emplace_back().is_end = true;
  if (components_.size() > kMostComponents) {
    return invalid(
        pattern,
        "has more than 63 components, when all its braces are written out; make several inputs of it");
  }
  starts_ |= std::uint64_t{1} << first;
  ends_ |= std::uint64_t{1} << (components_.size() - 1);
  return {};
}

bool Glob::match_token(const Token& token, std::uint32_t character) {
  switch (token.kind) {
    case Token::Kind::kCharacter:
      return token.character == character;
    case Token::Kind::kAny:
      return true;
    case Token::Kind::kSet:
      return token.negated != std::any_of(token.ranges.begin(), token.ranges.end(), [&](const Range& range) {
               return range.first <= character && character <= range.last;
             });
    case Token::Kind::kStar:
      return false;
  }
  return false;
}

bool Glob::match(const Component& component, std::string_view name) {
  if (component.is_prefix_and_suffix) {
    if (!component.has_star) return name == component.prefix;
    return name.size() >= component.prefix.size() + component.suffix.size() &&
           name.starts_with(component.prefix) && name.ends_with(component.suffix);
  }
  // Only the last star ever needs another try: what an earlier one gave up cannot help a later part.
  std::size_t token = 0;
  std::size_t retry_token = 0;
  std::string_view retry_name;
  bool has_retry = false;
  const std::vector<Token>& tokens = component.tokens;
  while (true) {
    if (token < tokens.size() && tokens[token].kind == Token::Kind::kStar) {
      retry_token = ++token;
      retry_name = name;
      has_retry = true;
      continue;
    }
    if (name.empty()) return token == tokens.size();
    std::string_view after = name;
    if (token < tokens.size() && match_token(tokens[token], take_character(after))) {
      ++token;
      name = after;
      continue;
    }
    if (!has_retry || retry_name.empty()) return false;
    take_character(retry_name);
    name = retry_name;
    token = retry_token;
  }
}

Glob::State Glob::close(State state) const {
  for (std::size_t i = 0; i < components_.size(); ++i) {
    if (components_[i].any_directories && ((state.next >> i) & 1U) != 0)
      state.next |= std::uint64_t{1} << (i + 1);
  }
  return state;
}

Glob::State Glob::start() const { return close(State{starts_}); }

Glob::State Glob::step(State state, std::string_view name) const {
  State after;
  for (std::size_t i = 0; i < components_.size(); ++i) {
    if (((state.next >> i) & 1U) == 0 || components_[i].is_end) continue;
    if (components_[i].any_directories) {
      after.next |= std::uint64_t{1} << i;
    } else if (match(components_[i], name)) {
      after.next |= std::uint64_t{1} << (i + 1);
    }
  }
  return close(after);
}

bool Glob::matches(std::string_view relative_path) const {
  State state = start();
  while (true) {
    const std::size_t slash = relative_path.find('/');
    state = step(state, relative_path.substr(0, slash));
    if (slash == std::string_view::npos) return accepts(state);
    relative_path.remove_prefix(slash + 1);
  }
}

}  // namespace parallelrun
