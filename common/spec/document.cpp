#include "common/spec/document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "common/spec/document_builder.h"
#include "common/spec/utf8.h"
#include "common/spec/yaml_scalar.h"

namespace parallelrun {
namespace {

using nlohmann::json;

constexpr std::string_view kCoreTags = "tag:yaml.org,2002:";

int line_at(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  return 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
}

// yaml-cpp's events -> the builder. Refers to the problems and lives for one document.
class YamlEvents final : public YAML::EventHandler {
 public:
  explicit YamlEvents(Problems& problems) : builder_(problems) {}

  Document take() { return builder_.take(); }
  int first_line() const { return first_line_; }
  const YAML::Mark& start() const { return start_; }

  void OnDocumentStart(const YAML::Mark& mark) override { start_ = mark; }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const int line = at(mark);
    if (builder_.expects_key()) return key_of_other_type("null", line);
    builder_.scalar(nullptr, line);
    remember(anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const int line = at(mark);
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) throw DocumentError("an alias is inside the value that it names", line);
    if (builder_.expects_key()) throw DocumentError("an alias cannot be a key; write the key out", line);
    builder_.copy(known->second.value, known->second.weight, line);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    const int line = at(mark);
    if (builder_.expects_key() && tag == "?" && text == "<<") return builder_.merge_key();
    json value = resolve(tag, text, line);
    if (builder_.expects_key()) {
      if (value.is_string()) return builder_.key(text, line);
      // 1: stays "1", but 0x10, 1.50 and yes would become other texts.
      if (value.is_number_integer() && value.dump() == text) return builder_.key(text, line);
      return key_of_other_type(text, line);
    }
    builder_.scalar(std::move(value), line);
    remember(anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    begin(json::array(), "seq", tag, anchor, at(mark));
  }
  void OnSequenceEnd() override { end(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    begin(json::object(), "map", tag, anchor, at(mark));
  }
  void OnMapEnd() override { end(); }

 private:
  struct Anchored {
    json value;
    std::size_t weight = 0;
  };

  int at(const YAML::Mark& mark) {
    const int line = mark.line + 1;
    if (first_line_ == 0) first_line_ = line;
    return line;
  }

  static json resolve(const std::string& tag, const std::string& text, int line) {
    if (tag == "!") return text;
    std::string_view kind = tag;
    if (tag != "?" && !tag.empty()) {
      if (!kind.starts_with(kCoreTags)) throw DocumentError("unknown tag " + in_quotes(tag), line);
      kind.remove_prefix(kCoreTags.size());
      if (kind == "str") return text;
      if (kind != "int" && kind != "float" && kind != "bool" && kind != "null" && kind != "timestamp") {
        throw DocumentError(fmt::format("the tag !!{} has no meaning here", kind), line);
      }
    }
    std::optional<json> value = resolve_plain_scalar(text);
    if (!value) throw DocumentError(in_quotes(text) + " is a number that JSON cannot hold", line);
    return *std::move(value);
  }

  [[noreturn]] static void key_of_other_type(const std::string& text, int line) {
    throw DocumentError(
        fmt::format(
            "the key {} is not a string for YAML (y, n, yes, no, on, off are booleans); put it in quotes",
            in_quotes(text)),
        line);
  }

  void begin(json empty, std::string_view kind, const std::string& tag, YAML::anchor_t anchor, int line) {
    if (builder_.expects_key()) throw DocumentError("a key must be a string", line);
    if (tag != "?" && tag != "!" && !tag.empty() && tag != std::string(kCoreTags).append(kind)) {
      throw DocumentError("unknown tag " + in_quotes(tag), line);
    }
    open_anchors_.push_back(anchor);
    builder_.begin(std::move(empty), line);
  }

  void end() {
    builder_.end();
    const YAML::anchor_t anchor = open_anchors_.back();
    open_anchors_.pop_back();
    remember(anchor);
  }

  void remember(YAML::anchor_t anchor) {
    if (anchor == 0) return;
    anchored_weight_ += builder_.last_weight();
    // Nested anchors each keep a copy of their own.
    constexpr std::size_t kMostAnchored = std::size_t{16} << 20U;
    if (anchored_weight_ > kMostAnchored) throw DocumentError("the anchors contain too much text", 0);
    if (builder_.has_last_value()) anchors_[anchor] = {builder_.last_value(), builder_.last_weight()};
  }

  DocumentBuilder builder_;
  std::unordered_map<YAML::anchor_t, Anchored> anchors_;
  std::vector<YAML::anchor_t> open_anchors_;
  std::size_t anchored_weight_ = 0;
  YAML::Mark start_;
  int first_line_ = 0;
};

Document parse_yaml(std::string_view text, Problems& problems) {
  Document document;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    bool found = false;
    int last_start = -1;
    while (true) {
      YamlEvents events(problems);
      if (!parser.HandleNextDocument(events)) break;
      // At a stray ']' or '}' the parser makes one empty document after the other and does not move.
      if (events.start().pos == last_start) throw YAML::ParserException(events.start(), "unexpected text");
      last_start = events.start().pos;
      Document next = events.take();
      if (next.root.is_null()) continue;  // an empty document between two "---"
      if (found) {
        problems.add(
            "",
            fmt::format("a second document begins in line {}; a manifest holds one job, so write each job "
                        "into a file of its own",
                        events.first_line()),
            events.first_line());
        break;
      }
      found = true;
      document = std::move(next);
    }
  } catch (const DocumentError& error) {
    problems.add("", error.what(), error.line());
  } catch (const YAML::Exception& error) {
    const int line = error.mark.is_null() ? 0 : error.mark.line + 1;
    std::string message = "not valid YAML: " + shown(error.msg);  // it may quote half a character
    if (line > 0) message += fmt::format(" (line {}, column {})", line, error.mark.column + 1);
    const bool tab = line > 0 && [&] {
      std::string_view rest = text;
      for (int i = 1; i < line; ++i) rest.remove_prefix(std::min(rest.size(), rest.find('\n') + 1));
      rest = rest.substr(0, rest.find('\n'));
      return rest.substr(0, rest.find_first_not_of(" \t")).find('\t') != std::string_view::npos;
    }();
    if (tab) message += "; the line is indented with a tab, use spaces";
    problems.add("", std::move(message), line);
  }
  return document;
}

// nlohmann's events -> the builder.
class JsonEvents final : public nlohmann::json_sax<json> {
 public:
  explicit JsonEvents(std::string_view text, Problems& problems)
      : text_(text), problems_(problems), builder_(problems) {}

  Document take() { return builder_.take(); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(std::int64_t value) override { return add(value); }
  bool number_unsigned(std::uint64_t value) override {
    // One form for one number, whether it came from YAML or JSON.
    if (value <= static_cast<std::uint64_t>(INT64_MAX)) return add(static_cast<std::int64_t>(value));
    return add(value);
  }
  bool number_float(double value, const std::string& /*digits*/) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(json::binary_t& /*value*/) override { return false; }
  bool key(std::string& name) override {
    builder_.key(std::move(name), 0);
    return true;
  }
  bool start_object(std::size_t /*size*/) override { return begin(json::object()); }
  bool start_array(std::size_t /*size*/) override { return begin(json::array()); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    const int line = line_at(text_, position == 0 ? 0 : position - 1);
    std::string reason = error.what();
    if (const std::size_t colon = reason.find(": "); colon != std::string::npos) reason.erase(0, colon + 2);
    problems_.add("", fmt::format("not valid JSON (line {}): {}", line, in_quotes(reason)), line);
    return false;
  }

 private:
  bool add(json value) {
    builder_.scalar(std::move(value), 0);
    return true;
  }
  bool begin(json empty) {
    builder_.begin(std::move(empty), 0);
    return true;
  }
  bool end() {
    builder_.end();
    return true;
  }

  std::string_view text_;
  Problems& problems_;
  DocumentBuilder builder_;
};

Document parse_json(std::string_view text, Problems& problems) {
  JsonEvents events(text, problems);
  try {
    json::sax_parse(text, &events);
  } catch (const DocumentError& error) {
    problems.add("", error.what(), error.line());
  } catch (const json::exception& error) {
    problems.add("", fmt::format("not valid JSON: {}", error.what()));
  }
  return events.take();
}

}  // namespace

int Document::line_of(std::string_view path) const {
  std::string key(path);
  while (true) {
    if (const auto found = lines.find(key); found != lines.end()) return found->second;
    const std::size_t cut = key.find_last_of(".[");
    if (cut == std::string::npos) break;
    key.erase(cut);
  }
  return 0;
}

Document parse_document(std::string_view text, ManifestFormat format, Problems& problems) {
  if (text.size() > kMaxManifestBytes) {
    problems.add(
        "", fmt::format("the manifest is larger than {} bytes; is this the right file?", kMaxManifestBytes));
    return {};
  }
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (const std::size_t bad = first_invalid_utf8(text); bad != std::string_view::npos) {
    const int line = line_at(text, bad);
    problems.add("",
                 fmt::format("not UTF-8 text: byte 0x{:02x} in line {}; save the manifest as UTF-8",
                             static_cast<unsigned char>(text[bad]), line),
                 line);
    return {};
  }
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    problems.add("", "a NUL character; is this a text file?", line_at(text, nul));
    return {};
  }
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool braces = first != std::string_view::npos && text[first] == '{';
  if (format == ManifestFormat::kJson || (format == ManifestFormat::kAuto && braces && json::accept(text))) {
    return parse_json(text, problems);
  }
  return parse_yaml(text, problems);
}

json parse_value(std::string_view text, std::string_view path, Problems& problems) {
  if (text.empty()) return "";
  if (std::string_view("[{\"'").find(text.front()) == std::string_view::npos) {
    if (std::optional<json> value = resolve_plain_scalar(text)) return *std::move(value);
    problems.add(std::string(path), in_quotes(text) + " is a number that JSON cannot hold");
    return nullptr;
  }
  Problems own;
  Document document = parse_document(text, ManifestFormat::kAuto, own);
  for (SpecProblem& problem : own.take()) {
    problems.add(std::string(path), problem.path.empty() ? problem.message : to_string(problem));
  }
  return std::move(document.root);
}

}  // namespace parallelrun
