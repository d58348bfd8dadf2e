#include "runner/output/log_steps.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "common/result/try.h"
#include "runner/output/begin_anew.h"
#include "runner/output/checksum.h"
#include "runner/wire/wire.h"
#include "spdlog/fmt/fmt.h"

namespace parallelrun {
namespace {

constexpr std::string_view kLogMagic = "PRUNLOG1";
constexpr std::size_t kChecksumBytes = 8;
constexpr std::size_t kMostOpen = 64;

enum class Step : std::uint8_t {
  kAppend = 1,
  kTruncate = 2,
  kRename = 3,
  kRemove = 4,
  kRemoveTree = 5,
  kCopy = 6,
  kFetch = 7
};

std::string step_of(Step step, std::string_view path, const std::function<void(wire::Writer&)>& more) {
  std::string out;
  wire::Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(step));
  writer.bytes(path);
  more(writer);
  return out;
}

Error damaged_object(const std::string& name, std::string_view what) {
  return {ErrorCode::kCorrupt,
          fmt::format("the object {} {}, so the job cannot be gone on with; restore it, or {}", name, what,
                      kBeginAnew)};
}

// Whoever may write to the store must not write to the rest of this machine.
bool lies_in_output(const std::string& path) {
  const std::filesystem::path parts(path);
  return !path.empty() && parts.is_relative() &&
         std::none_of(parts.begin(), parts.end(),
                      [](const auto& part) { return part == ".." || part == "."; });
}

}  // namespace

std::string append_step(std::string_view path, std::uint64_t offset, std::string_view bytes) {
  return step_of(Step::kAppend, path, [&](wire::Writer& out) {
    out.u64(offset);
    out.bytes(bytes);
  });
}

std::string truncate_step(std::string_view path, std::uint64_t size) {
  return step_of(Step::kTruncate, path, [&](wire::Writer& out) { out.u64(size); });
}

std::string rename_step(std::string_view path, std::string_view to) {
  return step_of(Step::kRename, path, [&](wire::Writer& out) { out.bytes(to); });
}

std::string remove_step(std::string_view path) {
  return step_of(Step::kRemove, path, [](wire::Writer&) {});
}

std::string remove_tree_step(std::string_view path) {
  return step_of(Step::kRemoveTree, path, [](wire::Writer&) {});
}

std::string copy_step(std::string_view path, std::uint64_t length, std::string_view to) {
  return step_of(Step::kCopy, path, [&](wire::Writer& out) {
    out.u64(length);
    out.bytes(to);
  });
}

std::string fetch_step(std::string_view path, const LogObject& object) {
  return step_of(Step::kFetch, path, [&](wire::Writer& out) {
    out.bytes(object.name);
    out.u64(object.size);
    out.bytes(object.version);
  });
}

std::string log_object(LogKind kind, std::uint64_t number, std::string_view token, std::string_view payload) {
  std::string out(kLogMagic);
  out.reserve(payload.size() + token.size() + 64);
  wire::Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(kind));
  writer.u64(number);
  writer.bytes(token);
  out.append(payload);
  writer.u64(checksum(out));
  return out;
}

Result<ReadLogObject> read_log_object(const std::string& name, std::string_view bytes) {
  if (bytes.size() < kLogMagic.size() + kChecksumBytes || !bytes.starts_with(kLogMagic.substr(0, 7)))
    return damaged_object(name, "is not of a job's log");
  if (!bytes.starts_with(kLogMagic)) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("the object {} is of another version of this program; go on with that, or {}",
                             name, kBeginAnew)};
  }
  const std::string_view body = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (wire::Reader(bytes.substr(body.size())).u64() != checksum(body))
    return damaged_object(name, "is damaged");
  wire::Reader reader(body.substr(kLogMagic.size()));
  ReadLogObject object;
  object.kind = static_cast<LogKind>(reader.u8());
  object.number = reader.u64();
  reader.bytes();
  if (!reader.ok() || object.kind < LogKind::kSteps || object.kind > LogKind::kBase)
    return damaged_object(name, "is damaged");
  object.payload = std::string(reader.rest());
  return object;
}

Result<File*> StepReplay::file(const std::string& path) {
  auto found = files_.find(path);
  if (found == files_.end()) {
    if (files_.size() >= kMostOpen) files_.clear();
    ASSIGN_OR_RETURN(std::unique_ptr<File> opened, into_.open(path));
    found = files_.emplace(path, std::move(opened)).first;
  }
  return found->second.get();
}

Status StepReplay::apply(const std::string& from, std::string_view steps) {
  wire::Reader in(steps);
  const auto misfit = [&from](std::string_view what) { return damaged_object(from, what); };
  while (!in.done()) {
    const auto step = static_cast<Step>(in.u8());
    const std::string path = in.string();
    if (!in.ok() || !lies_in_output(path)) return misfit("is damaged");
    // Only appends keep a file open.
    if (step != Step::kAppend && step != Step::kTruncate) files_.clear();
    switch (step) {
      case Step::kAppend: {
        const std::uint64_t offset = in.u64();
        const std::string_view bytes = in.bytes();
        if (!in.ok()) return misfit("is damaged");
        ASSIGN_OR_RETURN(File* const into, file(path));
        ASSIGN_OR_RETURN(const std::uint64_t size, into->size());
        if (size != offset) return misfit("does not go on where the one before it ends");
        RETURN_IF_ERROR(into->append(bytes));
        break;
      }
      case Step::kTruncate: {
        const std::uint64_t size = in.u64();
        ASSIGN_OR_RETURN(File* const into, file(path));
        RETURN_IF_ERROR(into->truncate(size));
        break;
      }
      case Step::kRename: {
        const std::string to = in.string();
        ASSIGN_OR_RETURN(const bool there, into_.exists(path));
        if (!in.ok() || !lies_in_output(to) || !there) return misfit("names a file that is not there");
        RETURN_IF_ERROR(into_.rename(path, to));
        break;
      }
      case Step::kRemove:
        RETURN_IF_ERROR(into_.remove(path));
        break;
      case Step::kRemoveTree:
        RETURN_IF_ERROR(into_.remove_tree(path));
        break;
      case Step::kCopy: {
        const std::uint64_t length = in.u64();
        const std::string to = in.string();
        if (!in.ok() || !lies_in_output(to)) return misfit("is damaged");
        RETURN_IF_ERROR(into_.copy(path, length, to));
        break;
      }
      case Step::kFetch: {
        LogObject object;
        object.name = in.string();
        object.size = in.u64();
        object.version = in.string();
        if (!in.ok()) return misfit("is damaged");
        ASSIGN_OR_RETURN(const std::unique_ptr<File> into, into_.open(path));
        RETURN_IF_ERROR(into->truncate(0));
        RETURN_IF_ERROR(fetch_(object, *into));
        break;
      }
      default:
        return misfit("is damaged");
    }
  }
  return in.ok() ? Status() : Status(misfit("is damaged"));
}

}  // namespace parallelrun
