#include "runner/input/json_record_fields.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/json/json.h"
#include "common/result/try.h"

namespace parallelrun {
namespace {

constexpr std::string_view kJsonBlanks = " \t\r\n";

// Walks over one JSON value after another without building it. What is no JSON ends the walk early.
class JsonWalk {
 public:
  explicit JsonWalk(std::string_view text) : text_(text) {}

  bool take(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  // As it stands; empty: there is none.
  std::string_view value() {
    skip_blanks();
    const std::size_t begin = at_;
    int depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        if (!skip_text()) return {};
        if (depth == 0) break;
        continue;
      }
      if (c == '{' || c == '[') {
        ++depth;
      } else if (c == '}' || c == ']') {
        if (depth == 0) break;
        if (--depth == 0) {
          ++at_;
          break;
        }
      } else if (depth == 0 && (c == ',' || c == ':' || kJsonBlanks.find(c) != std::string_view::npos)) {
        break;
      }
      ++at_;
    }
    return text_.substr(begin, at_ - begin);
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && kJsonBlanks.find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool skip_text() {
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '"') {
        ++at_;
        return true;
      }
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Of a text in quotes.
std::string json_text(std::string_view quoted) {
  const std::string_view inside = quoted.substr(1, quoted.size() - 2);
  if (inside.find('\\') == std::string_view::npos) return std::string(inside);
  const nlohmann::json parsed = nlohmann::json::parse(quoted, nullptr, false);
  return parsed.is_string() ? parsed.get<std::string>() : std::string(inside);
}

// Calls each(key, value as it stands) for the members of an object.
template <typename Each>
void each_member(std::string_view line, Each&& each) {
  JsonWalk walk(line);
  if (!walk.take('{')) return;
  do {
    const std::string_view key = walk.value();
    if (key.size() < 2 || key.front() != '"' || !walk.take(':')) return;
    const std::string_view value = walk.value();
    if (value.empty()) return;
    each(key, value);
  } while (walk.take(','));
}

}  // namespace

Status JsonRecordFields::start(const std::string& path) {
  path_ = path;
  ended_ = true;
  without_records_.reset();
  cutter_->start(path);
  const std::optional<FileSlice> first = cutter_->next();
  if (!first) {
    without_records_ = cutter_->without_records().value_or(PassedKind::kEmptyTable);
    return {};
  }
  const auto cannot_group = [&](const std::string& what) {
    return Error{ErrorCode::kInvalidArgument, path + " " + what};
  };
  if (first->check == FileSlice::Check::kEnds) {
    return cannot_group(
        "is packed, and records of packed files cannot be grouped by columns; unpack it, or put the keys "
        "into "
        "folder names like key=value");
  }
  file_ = files_.open(path);
  if (!file_->state() || first->check == FileSlice::Check::kSize)
    return Error{ErrorCode::kIo, path + " cannot be read: " + why_unreadable(*file_)};
  std::string head(256, '\0');
  const auto size = file_->read(0, head.data(), head.size());
  const std::size_t begin =
      size ? std::string_view(head).substr(0, *size).find_first_not_of("\xEF\xBB\xBF \t\r\n") : 0;
  if (begin != std::string_view::npos && head[begin] != '{' && first->offset == 0 &&
      first->length == first->file_size && head[begin] != '"') {
    return cannot_group(
        "is not JSON lines: it does not begin with an object, {...}; give the input the right format");
  }
  window_.start(*file_, first->offset, first->file_size);
  scan_.start(window_);
  at_ = 0;
  row_ = 0;
  ended_ = false;
  return {};
}

Result<bool> JsonRecordFields::next_line(std::string_view& line) {
  if (ended_) return false;
  const auto stride = scan_.next(0);
  if (!stride) return Error{ErrorCode::kIo, path_ + " cannot be read: " + stride.error().message};
  ended_ = stride->at_end;
  if (stride->records == 0) {
    if (row_ == 0) without_records_ = PassedKind::kEmptyTable;
    return false;
  }
  line = window_.bytes(at_, stride->end);
  at_ = stride->end;
  row_ += stride->rows;
  // Blank lines before it.
  std::size_t begin = line.find_first_not_of(kJsonBlanks);
  if (begin == std::string_view::npos) begin = 0;
  line.remove_prefix(begin);
  return true;
}

Result<std::vector<std::string>> JsonRecordFields::columns_of(const std::string& path) {
  RETURN_IF_ERROR(start(path));
  std::vector<std::string> columns;
  std::string_view line;
  for (int lines = 0; lines < 1000; ++lines) {
    ASSIGN_OR_RETURN(const bool found, next_line(line));
    if (!found) break;
    each_member(line, [&](std::string_view key, std::string_view) {
      std::string name = json_text(key);
      if (std::find(columns.begin(), columns.end(), name) == columns.end())
        columns.push_back(std::move(name));
    });
  }
  ended_ = true;
  return columns;
}

Result<bool> JsonRecordFields::next(Record& record, KeyTexts& texts) {
  texts.assign(wanted_.size(), {});
  ASSIGN_OR_RETURN(const bool found, next_line(record.bytes));
  if (!found) return false;
  record.row = row_;
  record.is_text = 0;
  each_member(record.bytes, [&](std::string_view key, std::string_view value) {
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      const bool plain = key.find('\\') == std::string_view::npos;
      if (plain ? key.substr(1, key.size() - 2) != wanted_[i] : json_text(key) != wanted_[i]) continue;
      if (value == "null") continue;
      const bool text = value.front() == '"';
      if (text) record.is_text |= std::uint64_t{1} << (i % 64);
      texts[i] = text ? json_text(value) : std::string(value);
    }
  });
  return true;
}

}  // namespace parallelrun
