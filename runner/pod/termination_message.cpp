#include "runner/pod/termination_message.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "common/json/compact_text.h"
#include "common/pod/job_progress.h"
#include "common/posix/file_descriptor.h"
#include "common/spec/utf8.h"
#include "common/text/presentable.h"

namespace parallelrun {
namespace {

using nlohmann::json;

constexpr std::string_view kCut = "...";
constexpr std::size_t kReuseKept = 600;

std::string shortened(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  if (most <= kCut.size()) return {};
  return std::string(utf8_prefix(text, most - kCut.size())).append(kCut);
}

// Shortens the member so that the object fits, as little as that takes; at least `keep` bytes stay. Escapes
// make the text longer than the member, so the length is searched for.
void shorten(json& object, const char* name, std::size_t keep, std::size_t limit) {
  const auto found = object.find(name);
  if (found == object.end() || compact_text(object).size() <= limit) return;
  const std::string whole = found->get<std::string>();
  std::size_t low = std::min(keep, whole.size());
  std::size_t high = whole.size();
  while (low < high) {
    const std::size_t middle = low + (high - low + 1) / 2;
    *found = shortened(whole, middle);
    if (compact_text(object).size() <= limit) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  *found = shortened(whole, low);
}

// What nlohmann would replace while it writes is replaced before anything is measured or cut.
std::string valid_text(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return {};
  return presentable_lines(json::parse(compact_text(*found)).get<std::string>());
}

}  // namespace

std::string termination_message(const json& finished, const std::string& output_folder, std::size_t limit) {
  json message = json::object();
  for (const char* name : {"state", "reason"}) message[name] = shortened(valid_text(finished, name), 64);
  message["message"] = valid_text(finished, "message");
  if (finished.contains("firstError")) message["firstError"] = valid_text(finished, "firstError");
  // Numbers and booleans alone, so their size is bounded.
  const auto add_small = [&](const char* name) {
    const auto found = finished.find(name);
    if (found != finished.end() && (found->is_number() || found->is_boolean())) message[name] = *found;
  };
  for (const char* name : pod::kFinalCounts) add_small(name);
  add_small("durationSeconds");
  add_small(pod::kSeconds);
  if (finished.contains("logs")) {
    message["logs"] = shortened(output_folder.empty() ? "logs" : output_folder + "/logs", 512);
  }
  // Of [allow_reuse], see Reuse::tell_end().
  for (const char* name : {"reusedFrom", "runRecord", "notReused"}) {
    if (finished.contains(name)) message[name] = shortened(valid_text(finished, name), kReuseKept);
  }
  constexpr std::size_t kErrorKept = 200;
  shorten(message, "firstError", kErrorKept, limit);
  shorten(message, "message", 0, limit);
  shorten(message, "firstError", 0, limit);
  return compact_text(message);
}

json end_without_event(const std::string& state, const std::string& reason, const std::string& message) {
  return {{"state", state}, {"reason", reason}, {"message", message}};
}

Status write_termination_message(const std::string& path, const std::string& message) {
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (file && ::write(file.get(), message.data(), message.size()) >= 0) return {};
  return Error{ErrorCode::kIo, fmt::format("the termination message cannot be written to '{}': {}", path,
                                           std::strerror(errno))};
}

}  // namespace parallelrun
