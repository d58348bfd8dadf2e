#include "common/spec/document_builder.h"

#include <fmt/format.h>

#include "common/spec/field_path.h"
#include "common/spec/utf8.h"

namespace parallelrun {
namespace {

constexpr std::size_t kNodeWeight = 16;
constexpr std::size_t kMostWeight = std::size_t{16} << 20U;
constexpr std::size_t kMostLines = 20'000;
constexpr std::size_t kLongestPath = 256;  // longer ones are not worth remembering, and would add up

std::size_t weight_of(const nlohmann::json& scalar) {
  return kNodeWeight + (scalar.is_string() ? scalar.get_ref<const std::string&>().size() : 0);
}

void refuse_unusable(const std::string& text, int line) {
  if (text.find('\0') != std::string::npos) {
    throw DocumentError("a string contains a NUL character; no path or argument may contain one", line);
  }
  // yaml-cpp turns the escapes \N and \_ into single bytes.
  if (!is_utf8(text))
    throw DocumentError(in_quotes(text) + " is not UTF-8; write the characters without escapes", line);
}

}  // namespace

std::string DocumentBuilder::next_path() const {
  if (frames_.empty()) return {};
  const Frame& frame = frames_.back();
  if (frame.path.size() > kLongestPath || frame.key.size() > kLongestPath) return frame.path;
  return frame.value.is_object() ? child_path(frame.path, frame.key)
                                 : child_path(frame.path, frame.value.size());
}

void DocumentBuilder::note_line(const std::string& path, int line) {
  if (line > 0 && document_.lines.size() < kMostLines) document_.lines.emplace(path, line);
}

void DocumentBuilder::spend(std::size_t weight, int line) {
  spent_ += weight;
  if (spent_ > kMostWeight) {
    throw DocumentError(
        "the document becomes too large; use fewer aliases, because each one repeats its value", line);
  }
}

void DocumentBuilder::place(nlohmann::json value, std::size_t weight, int line) {
  last_weight_ = weight;
  if (frames_.empty()) {
    document_.root = std::move(value);
    last_ = &document_.root;
    return;
  }
  Frame& frame = frames_.back();
  frame.weight += weight;
  if (frame.value.is_array()) {
    frame.value.push_back(std::move(value));
    last_ = &frame.value.back();
    return;
  }
  if (frame.merging) {
    frame.merging = false;
    const bool list = value.is_array();
    const std::size_t first = frame.merged.size();
    if (list) {
      for (auto& item : value) frame.merged.push_back(std::move(item));
    } else {
      frame.merged.push_back(std::move(value));
    }
    for (std::size_t i = first; i < frame.merged.size(); ++i) {
      if (!frame.merged[i].is_object()) throw DocumentError("'<<' needs a map or a list of maps", line);
    }
    last_ = nullptr;
    return;
  }
  frame.has_key = false;
  // Two equal keys were reported; the first one stays.
  last_ = &*frame.value.emplace(std::move(frame.key), std::move(value)).first;
  frame.key.clear();
}

void DocumentBuilder::scalar(nlohmann::json value, int line) {
  if (value.is_string()) refuse_unusable(value.get_ref<const std::string&>(), line);
  const std::size_t weight = weight_of(value);
  spend(weight, line);
  note_line(next_path(), line);
  place(std::move(value), weight, line);
}

void DocumentBuilder::copy(const nlohmann::json& value, std::size_t weight, int line) {
  spend(weight, line);
  note_line(next_path(), line);
  place(value, weight, line);
}

void DocumentBuilder::key(std::string name, int line) {
  refuse_unusable(name, line);
  Frame& frame = frames_.back();
  spend(kNodeWeight + name.size(), line);
  frame.weight += kNodeWeight + name.size();
  const auto [earlier, fresh] = frame.key_lines.emplace(name, line);
  if (!fresh) {
    problems_.add(child_path(frame.path, name),
                  line > 0 ? fmt::format("the key is twice in the same map, in lines {} and {}; keep one",
                                         earlier->second, line)
                           : "the key is twice in the same object; keep one",
                  line);
  }
  frame.key = std::move(name);
  frame.has_key = true;
}

void DocumentBuilder::begin(nlohmann::json empty_container, int line) {
  spend(kNodeWeight, line);
  if (frames_.size() >= kMaxManifestDepth) {
    throw DocumentError(fmt::format("nested deeper than {} levels", kMaxManifestDepth), line);
  }
  Frame frame;
  frame.path = next_path();
  frame.value = std::move(empty_container);
  frame.weight = kNodeWeight;
  frame.line = line;
  note_line(frame.path, line);
  frames_.push_back(std::move(frame));
}

void DocumentBuilder::end() {
  Frame frame = std::move(frames_.back());
  frames_.pop_back();
  // What stands in the map itself wins over what is merged into it, and the first merged over the next.
  for (auto& source : frame.merged) {
    for (auto& item : source.items()) frame.value.emplace(item.key(), std::move(item.value()));
  }
  place(std::move(frame.value), frame.weight, frame.line);
}

}  // namespace parallelrun
