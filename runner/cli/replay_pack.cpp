#include "runner/cli/replay_pack.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "common/json/compact_text.h"
#include "common/json/members.h"
#include "common/openssl/base64.h"
#include "common/result/try.h"
#include "common/text/counted.h"
#include "common/text/presentable.h"
#include "runner/cli/shown.h"

namespace parallelrun {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMostFiles = 50'000;
constexpr std::size_t kPiece = std::size_t{64} << 10U;
constexpr std::size_t kLongestHeadLine = std::size_t{64} << 20U;  // the head has the descriptor

Error unreadable(const std::string& path, int error) {
  return {error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
          fmt::format("cannot read '{}': {}", presentable(path), std::generic_category().message(error)),
          false};
}

Error unwritable(const std::string& path, int error) {
  return {error == ENOSPC || error == EDQUOT ? ErrorCode::kNoSpace : ErrorCode::kIo,
          fmt::format("cannot write '{}': {}", presentable(path), std::generic_category().message(error)),
          false};
}

Error too_many(const std::string& part, const std::string& way_out) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("with {}, more than {} files would have to be fetched; {}", part, kMostFiles, way_out),
          false};
}

Error unusable(const char* why) {
  return {
      ErrorCode::kCorrupt,
      fmt::format("what the pod sent of the job's volumes cannot be used ({}); run replay again, and if "
                  "that does not help, the job's runner image may be of another release than this program",
                  why),
      false};
}

}  // namespace

bool stays_below(const std::string& path) {
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string::npos) return false;
  const fs::path parts(path);
  return std::none_of(parts.begin(), parts.end(),
                      [](const fs::path& one) { return one == ".." || one == "."; });
}

void ReplayPack::begin(std::string part, std::string way_out) {
  parts_.push_back({std::move(part), std::move(way_out), {}, 0});
}

Status ReplayPack::add_file(const std::string& from, const std::string& to, std::optional<ByteRange> bytes) {
  struct stat status{};
  if (::stat(from.c_str(), &status) != 0) return unreadable(from, errno);
  if (!S_ISREG(status.st_mode)) return {};
  const auto size = static_cast<std::uint64_t>(status.st_size);
  ByteRange range = bytes.value_or(ByteRange{0, size});
  // If the file became shorter, we send the rest of it. Its reader sees that it has changed.
  range.offset = std::min(range.offset, size);
  range.length = std::min(range.length, size - range.offset);
  if (pieces_.size() >= kMostFiles) return too_many(parts_.back().name, parts_.back().way_out);
  pieces_.push_back({from, to, size, status.st_mode & 0777U, range});
  parts_.back().files.insert(to);
  parts_.back().bytes += range.length;
  bytes_ += range.length;
  return {};
}

Status ReplayPack::add_folder(const std::string& from, const std::string& to,
                              std::vector<std::string>& above) {
  std::error_code error;
  const std::string real = fs::canonical(from, error).string();
  // A link to a folder above itself.
  if (!error && std::find(above.begin(), above.end(), real) != above.end()) return {};
  above.push_back(real);
  if (folders_.size() >= kMostFiles) return too_many(parts_.back().name, parts_.back().way_out);
  folders_.push_back(to);
  for (fs::directory_iterator entry(from, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with("..") || name == "lost+found") continue;
    std::error_code none;
    const fs::file_status status = fs::status(entry->path(), none);
    if (fs::is_directory(status)) RETURN_IF_ERROR(add_folder(from + "/" + name, to + "/" + name, above));
    if (fs::is_regular_file(status)) RETURN_IF_ERROR(add_file(from + "/" + name, to + "/" + name, {}));
  }
  above.pop_back();
  return error ? Status(unreadable(from, error.value())) : Status();
}

Result<std::string> ReplayPack::add_tree(const std::string& from, const std::string& to) {
  std::error_code error;
  if (fs::is_regular_file(from, error)) {
    const std::string path = to + "/" + fs::path(from).filename().string();
    RETURN_IF_ERROR(add_file(from, path, {}));
    return path;
  }
  std::vector<std::string> above;
  RETURN_IF_ERROR(add_folder(from, to, above));
  return to;
}

std::string ReplayPack::in_words() const {
  std::vector<std::string> words;
  for (const Part& part : parts_)
    words.push_back(
        fmt::format("{} ({}, {})", part.name, counted(part.files.size(), "file"), short_size(part.bytes)));
  return fmt::format("{}", fmt::join(words, ", "));
}

Status ReplayPack::check(std::uint64_t most_bytes) const {
  if (bytes_ <= most_bytes) return {};
  const auto largest = std::max_element(parts_.begin(), parts_.end(),
                                        [](const Part& a, const Part& b) { return a.bytes < b.bytes; });
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("{} would have to be fetched, and --limit is {}: {}; {}, or give a larger --limit",
                           short_size(bytes_), short_size(most_bytes), in_words(), largest->way_out),
               false};
}

Status ReplayPack::write(const json& head) const {
  const Error left{ErrorCode::kIo, "standard output cannot be written", false};
  if (!print(compact_text({{"head", head}}) + "\n")) return left;
  for (const std::string& folder : folders_)
    if (!print(compact_text({{"folder", base64(folder)}}) + "\n")) return left;
  std::string buffer;
  for (const Piece& piece : pieces_) {
    const FileDescriptor file(::open(piece.from.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return unreadable(piece.from, errno);
    if (!print(compact_text({{"file", base64(piece.to)},
                             {"mode", piece.mode},
                             {"size", piece.size},
                             {"at", piece.bytes.offset},
                             {"bytes", piece.bytes.length}}) +
               "\n"))
      return left;
    for (std::uint64_t done = 0; done < piece.bytes.length;) {
      buffer.resize(std::min<std::uint64_t>(kPiece, piece.bytes.length - done));
      const ssize_t n =
          ::pread(file.get(), buffer.data(), buffer.size(), static_cast<off_t>(piece.bytes.offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return unreadable(piece.from, errno);
      if (n == 0)
        return Error{ErrorCode::kIo, fmt::format("'{}' became shorter while it was read", piece.from), false};
      buffer.resize(static_cast<std::size_t>(n));
      if (!print(buffer)) return left;
      done += static_cast<std::uint64_t>(n);
    }
  }
  return print(compact_text({{"end", true}}) + "\n") ? Status() : Status(left);
}

bool ReplayUnpacking::take(std::string_view bytes) {
  while (state_ && !bytes.empty()) {
    if (left_ > 0) {
      const std::string_view part = bytes.substr(0, left_);
      bytes.remove_prefix(part.size());
      state_ = data(part);
      continue;
    }
    const std::size_t end = bytes.find('\n');
    waiting_ += bytes.substr(0, end);
    if (waiting_.size() > kLongestHeadLine) {
      state_ = unusable("a line is longer than this program takes");
      break;
    }
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
    const json said = json::parse(waiting_, nullptr, false);
    waiting_.clear();
    state_ = line(said);
  }
  return state_.ok();
}

Status ReplayUnpacking::line(const json& said) {
  if (said.is_object() && said.contains("head")) {
    head_ = said["head"];
    return {};
  }
  if (said.is_object() && said.contains("end")) {
    ended_ = true;
    return {};
  }
  std::error_code error;
  const std::string folder = from_base64(text_at(said, "folder"));
  const std::string file = from_base64(text_at(said, "file"));
  const std::uint64_t coming = count_at(said, "bytes");
  if (!stays_below(folder.empty() ? file : folder) || ++paths_ > 2 * kMostFiles || coming > room_)
    return unusable("it is not what was asked for");
  if (!folder.empty()) {
    fs::create_directories(folder_ + "/" + folder, error);
    return error ? Status(unwritable(folder_ + "/" + folder, error.value())) : Status();
  }
  file_ = folder_ + "/" + file;
  fs::create_directories(fs::path(file_).parent_path(), error);
  const auto mode = static_cast<mode_t>((count_at(said, "mode") & 0777U) | 0600U);
  open_ = FileDescriptor(::open(file_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!open_ || ::ftruncate(open_.get(), static_cast<off_t>(count_at(said, "size"))) != 0)
    return unwritable(file_, errno);
  at_ = count_at(said, "at");
  left_ = coming;
  room_ -= coming;
  return {};
}

Status ReplayUnpacking::data(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(open_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at_));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return unwritable(file_, n == 0 ? EIO : errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    at_ += static_cast<std::uint64_t>(n);
    left_ -= static_cast<std::uint64_t>(n);
  }
  return {};
}

Status ReplayUnpacking::state() const {
  if (!state_) return state_;
  if (ended_ && head_.is_object()) return {};
  return unusable("its end is missing");
}

}  // namespace parallelrun
